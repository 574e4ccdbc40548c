"""An account as a file, brought back elsewhere: it answers and bills as it did."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from contracts.cases import NOW as CASES_AT
from contracts.cases import Case, read_cases
from contracts.model import Contract
from contracts.reader import read as contract_of
from contracts.reader import vendors
from sandbox.account import Account
from sandbox.acts import perform
from sandbox.app import Options, Sandbox, create_app
from sandbox.journal import Dropped, Journal, Noted
from sandbox.snapshot import Restored, read, restore, take
from sandbox.verifying.indoors import Indoors, Room
from sandbox.verifying.playing import Player
from tests.acme import NOW, inside, usage
from tests.conftest import Ask, Make

HOME = "/_meterbox/accounts/acme"
EVERY = 12
"""Of the contract cases, every so many is snapshot too."""


@pytest.fixture
def at(key: str) -> str:
    return f"{HOME}/{key}"


def lived(ask: Ask, at: str) -> dict[str, Any]:
    """An account to which something has happened, as a file."""
    ask("PATCH", f"{at}/settings", json={"acme.usage.late": "1h"})
    ask("POST", "/acme/usage", json={"events": [usage("a"), usage("b", 5)]})
    ask("POST", f"{at}/faults", json={"kind": "status-after", "status": 500})
    ask("POST", "/acme/usage", json={"events": [usage("c")]})
    ask("POST", f"{at}/clock", json={"advance": "3h"})
    ask("POST", "/acme/usage", json={"events": [usage("late")]})
    ask("POST", "/acme/usage", content=gzip.compress(b'{"events": 7}'), headers=zipped(at))
    told: dict[str, Any] = ask("GET", f"{at}/snapshot").json()
    return told


def zipped(at: str) -> dict[str, str]:
    """Headers of a request that is zipped."""
    shown = f"Bearer {at.removeprefix(HOME + '/')}"
    return {
        "authorization": shown,
        "content-encoding": "gzip",
        "content-type": "application/json",
    }


def billed(ask: Ask, at: str) -> Any:
    told = ask("GET", f"{at}/ledger").json()
    return told["totals"], [(e["event"], e["outcome"], e["rule"]) for e in told["entries"]]


def test_an_account_is_brought_back_under_another_key(ask: Ask, at: str) -> None:
    snapshot = lived(ask, at)
    other = f"{HOME}/ak_{uuid.uuid4().hex}"
    done = ask("POST", f"{other}/snapshot", json=snapshot).json()
    assert done == {"exchanges": 4, "acts": 3, "different": 0}
    assert billed(ask, other) == billed(ask, at)
    assert ask("GET", f"{other}/settings").json() == ask("GET", f"{at}/settings").json()
    assert ask("GET", f"{other}/clock").json() == ask("GET", f"{at}/clock").json()
    again = ask("GET", f"{other}/snapshot").json()
    assert again["history"] == snapshot["history"]


def test_the_account_it_is_brought_back_into_was_another_before(ask: Ask, at: str) -> None:
    snapshot = lived(ask, at)
    ask("POST", "/acme/usage", json={"events": [usage("more")]})
    assert ask("POST", f"{at}/snapshot", json=snapshot).json()["different"] == 0
    assert ("more", "accepted", None) not in billed(ask, at)[1]


def test_ids_go_on_as_they_would_have(acme: Sandbox) -> None:
    first = acme.accounts.open("acme", "ak_one")
    snapshot = read(take(first))
    second = acme.accounts.open("acme", "ak_two")
    restore(snapshot, second, acme.switchboard)
    assert [first.id() for _ in range(3)] == [second.id() for _ in range(3)]
    second.reset()
    assert second.id() != acme.accounts.open("acme", "ak_one").id()


def test_no_key_is_in_the_file(ask: Ask, at: str, key: str) -> None:
    ask("POST", f"/acme/usage?api_key={key}", json={"events": [usage(key)], "note": key})
    ask(
        "POST",
        "/acme/usage",
        content=gzip.compress(json.dumps({"events": [usage(f"x-{key}")]}).encode()),
        headers=zipped(at),
    )
    written = ask("GET", f"{at}/snapshot").text
    assert key not in written
    assert key.removeprefix("ak_") not in written
    assert written.count("{{key}}") >= 3


def test_no_spelling_of_the_key_is_in_the_file(acme: Sandbox) -> None:
    """As addresses, JSON and what is no text write it, nor within a word where it is long."""
    key = "ak_live/0123456789+abcdef=="
    account = acme.accounts.open("acme", key)
    inner = key.removeprefix("ak_").encode()
    odd = [quote(key, safe="").encode(), key.replace("/", "\\/").encode(), b"\\n" + key.encode()]
    for body in [*odd, b"x" + inner, b"\xff " + key.encode()]:
        asyncio.run(sent(acme, key, body))
    perform(account, "dashboard", {"name": "note", "arguments": {"id": "e", "about": key}}, NOW)
    taken = take(account)
    seen = json.dumps(taken).encode()
    raw = [base64.b64decode(one["body"]["base64"]) for one in taken["history"][-2:-1]]
    for text in (seen, *raw):
        assert inner not in text
        assert b"0123456789" not in text
    other = acme.accounts.open("acme", "ak_other_key")
    restore(read(json.loads(seen)), other, acme.switchboard)
    told = [noted for noted in other.journal.whole() if isinstance(noted, Noted)]
    assert told[0].act.arguments["arguments"] == {"id": "e", "about": "ak_other_key"}


def test_what_looks_like_the_place_of_a_key_is_none(acme: Sandbox) -> None:
    account, other = (acme.accounts.open("acme", f"ak_{n}_place") for n in ("one", "other"))
    names = ["{{key}}", "{{key-ending}}", "{{literal-key}}", "ak_one_place"]
    asyncio.run(sent(acme, account.key, json.dumps({"events": [usage(name) for name in names]})))
    restore(read(json.loads(json.dumps(take(account)))), other, acme.switchboard)
    assert [entry.usage.event for entry in other.ledger.entries()] == [*names[:3], "ak_other_place"]


def test_what_begins_like_the_key_is_left_as_it_is(acme: Sandbox) -> None:
    account = acme.accounts.open("acme", "ak_test")
    events = json.dumps({"events": [usage("ak_testing"), usage("ak_test")]})
    asyncio.run(sent(acme, "ak_test", events))
    written = json.dumps(take(account))
    assert "ak_testing" in written
    assert '\\"ak_test\\"' not in written


async def sent(acme: Sandbox, key: str, content: str | bytes) -> httpx.Response:
    async with inside(acme) as client:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        return await client.post("/acme/usage", content=content, headers=headers)


def act(name: str, arguments: Any) -> dict[str, Any]:
    return {"at": NOW.isoformat(), "act": name, "arguments": arguments}


def deep(levels: int) -> Any:
    nested: Any = 1
    for _ in range(levels):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": 2}, "format"),
        ({"vendor": "orb"}, "of orb"),
        ({"history": [{"at": "yesterday", "act": "reset", "arguments": {}}]}, "isoformat"),
        ({"history": [{"at": NOW.isoformat(), "act": "explode", "arguments": {}}]}, "explode"),
        ({"history": [{"at": NOW.isoformat(), "method": "GET"}]}, r"history\[0\]"),
        ({"settings": {"acme.nothing": 1}}, "acme.nothing"),
        ({"clock": {"frozen": "x", "ahead": 0}}, "isoformat"),
        ({"clock": {"frozen": None, "ahead": 1e300}}, "cannot be brought back"),
        ({"clock": {"frozen": "0001-01-01T00:00:00+14:00", "ahead": 0}}, "cannot be brought back"),
        ({"clock": {"frozen": "9999-12-31T23:59:59Z", "ahead": 0}}, "years 1970 to 2999"),
        ({"history": [{"at": "2026-01-15T12:00:00", "act": "reset", "arguments": {}}]}, "no zone"),
        ({"history": [{"at": "9999-01-15T12:00:00Z", "act": "reset", "arguments": {}}]}, "lived"),
        ({"history": [act("settings", [1])]}, r"history\[0\].arguments"),
        ({"history": [act("dashboard", {})]}, r"history\[0\]: .*KeyError"),
        ({"history": [act("dashboard", {"name": "note", "arguments": []})]}, r"history\[0\]: "),
        ({"history": [act("clock", {"frozen": None, "ahead": 1e11})]}, r"history\[0\]: "),
        ({"history": [], "more": deep(900)}, "nested too deeply"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_cannot_be_brought_back_changes_nothing(
    ask: Ask, at: str, change: dict[str, Any], why: str
) -> None:
    snapshot = lived(ask, at)
    before = billed(ask, at)
    refused = ask("POST", f"{at}/snapshot", json={**snapshot, **change})
    assert refused.status_code == 400
    assert re.search(why, refused.json()["error"])
    assert billed(ask, at) == before


def test_a_journal_that_has_dropped_some_makes_no_snapshot(acme: Sandbox) -> None:
    account = acme.accounts.open("acme", "ak_full")
    account.journal = Journal(kept=2)
    for n in range(3):
        asyncio.run(sent(acme, "ak_full", json.dumps({"events": [usage(f"e{n}")]})))
    with pytest.raises(Dropped):
        take(account)
    account.reset()
    assert take(account)["history"] == []


def test_one_that_is_brought_back_outlives_a_restart(made: Make, tmp_path: Path, key: str) -> None:
    def ask(house: Sandbox, method: str, path: str, **more: Any) -> Any:
        async def asked() -> httpx.Response:
            async with inside(house) as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked()).raise_for_status().json()

    house = made(source=lambda: NOW)
    asyncio.run(sent(house, key, json.dumps({"events": [usage("a")]})))
    snapshot = ask(house, "GET", f"{HOME}/{key}/snapshot")
    durable = made(source=lambda: NOW, data_dir=tmp_path)
    ask(durable, "POST", f"{HOME}/ak_other_key/snapshot", json=snapshot)
    ledger = ask(durable, "GET", f"{HOME}/ak_other_key/ledger")
    assert ledger["totals"]
    assert durable.archive is not None
    durable.archive.close()
    again = made(source=lambda: NOW, data_dir=tmp_path)
    assert ask(again, "GET", f"{HOME}/ak_other_key/ledger")["totals"] == ledger["totals"]


@pytest.fixture(scope="module")
def indoors() -> Iterator[Indoors]:
    with Indoors.opened(create_app(Options(source=lambda: CASES_AT))) as opened:
        yield opened


def sampled() -> Iterator[Any]:
    for vendor in vendors():
        contract = contract_of(vendor)
        for case in read_cases(contract)[::EVERY]:
            yield pytest.param(contract, case, id=f"{vendor}-{case.name}")


@pytest.mark.parametrize(("contract", "case"), list(sampled()))
def test_what_a_case_does_is_done_again(indoors: Indoors, contract: Contract, case: Case) -> None:
    """The same answers to the byte, the same bill, in an account of the same key elsewhere."""
    name = uuid.uuid4().hex
    room = Room(indoors, contract, contract.key(name), name[:12])
    assert list(Player(contract).play(case, room)) == []
    first = room.account
    told = json.loads(json.dumps(take(first, indoors.sandbox.switchboard.added)))
    house = create_app(Options(source=lambda: CASES_AT))
    account: Account = house.accounts.open(contract.vendor, first.key)
    done = restore(read(told), account, house.switchboard)
    assert isinstance(done, Restored)
    assert done.different == 0
    account.elapse(account.clock.now())
    assert account.ledger.totals() == first.ledger.totals()
    first.reset()
