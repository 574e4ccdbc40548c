"""Where a request may go, and which keys look live."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from contracts.credentials import headers
from contracts.model import Contract
from contracts.reader import read, read_folder, vendors
from sandbox.proxy.egress import KEPT, BadHost, Egress, Place, place
from sandbox.reply import Request
from sandbox.testing.house import fresh, seeded
from tests.acme import HERE

RANDOM = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"


@pytest.fixture
def acme() -> Contract:
    return read_folder(HERE)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("api.acme.test:443", Place("api.acme.test", 443)),
        ("API.Acme.Test.:443", Place("api.acme.test", 443)),
        ("api.acme.test", None),
        ("[::1]:8080", Place("::1", 8080)),
        ("10.0.0.1:1", Place("10.0.0.1", 1)),
        ("a:0", None),
        ("a:65536", None),
        ("a:٣", None),
        (":443", None),
        ("", None),
        ("a b:443", None),
        ("a/b:443", None),
        ("user@host:443", None),
    ],
)
def test_a_place_is_a_host_and_a_port(text: str, found: Place | None) -> None:
    assert place(text) == found


def test_a_place_has_the_port_that_goes_without_saying() -> None:
    assert place("a.test", 80) == Place("a.test", 80)
    assert place("[::1]", 80) == Place("::1", 80)
    assert str(Place("::1", 80)) == "[::1]:80"


def test_this_machine_passes_and_others_only_when_allowed(acme: Contract) -> None:
    egress = Egress([acme], ["pypi.org", "*.amazonaws.com"])
    passing = ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "pypi.org"]
    passing += ["s3.amazonaws.com", "a.b.amazonaws.com"]
    assert [host for host in passing if not egress.passes(host)] == []
    staying = ["example.com", "amazonaws.com", "www.pypi.org", "notpypi.org", "10.0.0.1", "0.0.0.0"]
    staying += ["xamazonaws.com", "localhost.example.com", "127.0.0.1.example.com"]
    assert [host for host in staying if egress.passes(host)] == []


def test_a_vendors_host_never_passes_whatever_is_allowed(acme: Contract) -> None:
    egress = Egress([acme], ["*.acme.test", "*.test"])
    assert not egress.passes("api.acme.test")
    assert egress.passes("other.acme.test")
    assert egress.vendor("api.acme.test") is acme
    assert egress.vendor("other.acme.test") is None
    with pytest.raises(BadHost, match=r"^api\.acme\.test is Acme's own host: .*cannot be let"):
        Egress([acme], ["API.acme.test"])


@pytest.mark.parametrize("host", ["https://a.test", "a.test:8080", "a b", "", "*", "*.", "a.*.b"])
def test_what_is_no_host_cannot_be_allowed(acme: Contract, host: str) -> None:
    with pytest.raises(BadHost, match="is no host such as"):
        Egress([acme], [host])


def test_a_refusal_says_what_where_and_what_next_and_is_told_once(acme: Contract) -> None:
    told: list[str] = []
    egress = Egress([acme], tell=told.append)
    for _ in range(3):
        egress.refuse("CONNECT", Place("api.acme.tst", 443))
    assert told == [
        "meterbox: CONNECT api.acme.tst:443 refused: nothing leaves this machine for api.acme.tst. "
        "Did you mean api.acme.test? If it must, allow it with --allow-host api.acme.tst."
    ]
    assert len(egress.refusals) == 3


def asked(contract: Contract, key: str) -> Request:
    given = headers(contract.auth, key).items()
    raw = {name.lower().encode(): value.encode() for name, value in given}
    return Request("POST", "/usage", headers=raw)


def test_a_live_key_is_refused_in_one_line_that_does_not_tell_it(acme: Contract) -> None:
    egress, key = Egress([acme]), f"ak_live_{RANDOM}"
    refusal = egress.live_key(acme, asked(acme, key), f"https://api.acme.test/of/{key}")
    assert refusal is not None
    assert refusal.vendor == "acme"
    assert refusal.line == (
        "meterbox: POST https://api.acme.test/of/ak_live_…(48) refused: the key ak_live_…(48) "
        "looks like a live key of Acme (documented: Live keys begin with ak_live_). "
        "Use a test key, such as ak_demo, or --allow-live-keys."
    )
    assert egress.live_key(acme, asked(acme, "ak_test_1"), "") is None
    assert Egress([acme], live_keys=True).live_key(acme, asked(acme, key), "") is None


def test_a_live_key_is_found_wherever_it_is_shown(acme: Contract) -> None:
    """In a body, and a gzipped one; what is no JSON shows none."""
    egress, body = Egress([acme]), json.dumps({"key": "ak_live_1"}).encode()
    zipped = Request("POST", "/", headers={b"content-encoding": b"gzip"}, body=gzip.compress(body))
    assert egress.live_key(acme, Request("POST", "/", body=body), "") is not None
    assert egress.live_key(acme, zipped, "") is not None
    assert egress.live_key(acme, Request("POST", "/", body=b"\xff" + body), "") is None


LIVE = {
    "amberflo": RANDOM,
    "hyperline": "prod_1",
    "kana": "pub_live_1",
    "orb": RANDOM,
    "segment": "AbCdEfGhIjKlMnOpQrStUvWxYz012345",
}


def test_each_vendor_says_how_its_live_keys_look_and_how_it_is_known() -> None:
    assert LIVE.keys() == set(vendors())
    for vendor, key in LIVE.items():
        contract = read(vendor)
        assert contract.live is not None
        assert contract.live.confidence in ("documented", "assumed")
        refusal = Egress([contract]).live_key(contract, asked(contract, key), "")
        assert refusal is not None, vendor
        assert contract.live.confidence in refusal.line


@pytest.mark.parametrize("vendor", vendors())
def test_no_key_of_ours_looks_live(vendor: str) -> None:
    contract = read(vendor)
    names = ["demo", "test_1", fresh(), seeded(7, "a test"), f"test_{RANDOM}"]
    for key in map(contract.key, names):
        assert Egress([contract]).live_key(contract, asked(contract, key), "") is None, key


def test_a_vendor_of_which_nothing_is_said_has_no_live_keys(acme: Contract, tmp_path: Path) -> None:
    from dataclasses import replace

    unknown = replace(acme, live=None)
    assert Egress([unknown]).live_key(unknown, asked(acme, "ak_live_1"), "") is None


def test_a_live_key_is_remembered_however_many_other_hosts_are_asked_for(acme: Contract) -> None:
    egress = Egress([acme])
    request = Request("GET", "/", headers={b"x-api-key": b"ak_live_1"})
    live = egress.live_key(acme, request, "https://api.acme.test/")
    for n in range(KEPT + 5):
        last = egress.refuse("CONNECT", f"host-{n}.test:443")
    assert live in egress.refusals
    assert last in egress.refusals
    assert len(egress.refusals) == KEPT


def test_what_is_told_is_one_line_of_plain_text(acme: Contract) -> None:
    """A terminal or a log would heed what is hidden in it."""
    request = Request("GET", "/", headers={b"x-api-key": b"ak_live_\x9b2J"})
    refusal = Egress([acme]).live_key(acme, request, "https://api.acme.test/\nall is well\x1b[2J")
    assert refusal is not None
    assert refusal.line.isprintable()
    assert "/\\nall is well\\x1b[2J refused: " in refusal.line
