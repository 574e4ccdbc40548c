"""Every vendor behind one port: by path, and by Host header with the vendor's own path."""

import asyncio
from urllib.parse import quote

import httpx
import pytest

from contracts.model import UnknownVendor
from contracts.reader import read, vendors
from sandbox.app import Options, Sandbox, create_app
from sandbox.server import Running
from sandbox.switchboard import load
from tests.acme import inside, usage
from tests.conftest import Ask

EXCHANGE = "x-meterbox-exchange"
HOSTS = [(vendor, host) for vendor in vendors() for host in read(vendor).hosts]


@pytest.fixture(scope="module")
def house() -> Sandbox:
    return create_app()


def got(sandbox: Sandbox, path: str, **headers: str) -> httpx.Response:
    async def run() -> httpx.Response:
        async with inside(sandbox) as client:
            return await client.get(path, headers=headers)

    return asyncio.run(run())


def vendor_of(answer: httpx.Response) -> str:
    return answer.headers.get("x-meterbox-exchange", "nobody").partition("-")[0]


@pytest.mark.parametrize("vendor", vendors())
def test_a_vendor_is_reached_by_path(house: Sandbox, vendor: str) -> None:
    for path in (f"/{vendor}", f"/{vendor}/", f"/{vendor}/no/such/path"):
        assert vendor_of(got(house, path)) == vendor


@pytest.mark.parametrize(("vendor", "host"), HOSTS)
def test_a_vendor_is_reached_by_each_of_its_hosts_with_its_own_path(
    house: Sandbox, vendor: str, host: str
) -> None:
    for written in (host, f"{host}:4020", host.upper()):
        for endpoint in read(vendor).endpoints:
            mount = read(vendor).mounts.get(host, "")
            path = endpoint.paths[0].removeprefix(mount)
            answer = got(house, path, host=written)
            assert vendor_of(answer) == vendor
            prefixed = got(house, f"/{vendor}{mount}{path}")
            assert (answer.status_code, answer.text) == (prefixed.status_code, prefixed.text)


def test_no_host_is_two_vendors() -> None:
    names = [host for _, host in HOSTS]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "host", ["", "localhost", "127.0.0.1:4020", "api.acme.test.evil.test", "[::1]:4020"]
)
def test_another_host_is_none_of_a_vendors(acme: Sandbox, host: str) -> None:
    assert vendor_of(got(acme, "/status", host=host)) == "nobody"
    assert vendor_of(got(acme, "/acme/status", host=host)) == "acme"


def test_by_host_and_by_path_it_is_one_account(ask: Ask, key: str) -> None:
    by_host = {"host": "eu.acme.test", "authorization": f"Bearer {key}"}
    ask("POST", "/v2/usage", json={"events": [usage()]}, headers=by_host)
    assert ask("GET", "/acme/usage/e1").json() == usage()


@pytest.mark.parametrize("id", ["a/b", "a%2Fb", "a b", "é", "a?b", "a\nb", "a//b/", "%"])
def test_an_id_in_a_path_may_hold_anything(ask: Ask, id: str) -> None:
    ask("POST", "/acme/usage", json={"events": [usage(id)]})
    assert ask("GET", f"/acme/v2/usage/{quote(id, safe='')}").json()["id"] == id


def test_what_is_sent_over_a_socket_is_read_as_it_was_written(
    acme_server: Running, http: httpx.Client, key: str
) -> None:
    mine = {"authorization": f"Bearer {key}"}
    for id in ("a/b", "é%"):
        http.post(f"{acme_server.url}/acme/usage", json={"events": [usage(id)]}, headers=mine)
        for prefix in ("/acme", "/%61cme/v2"):
            written = f"{acme_server.url}{prefix}/us%61ge/{quote(id, safe='')}"
            answer = http.get(written, headers=mine)
            assert answer.json()["id"] == id
    told = http.get(f"{acme_server.url}/_meterbox/exchanges/{answer.headers[EXCHANGE]}").json()
    assert told["path"] == "/v2/usage/%C3%A9%25"


def test_a_method_that_no_endpoint_of_a_path_has_is_told_with_those_there_are(ask: Ask) -> None:
    assert ask("PATCH", "/acme/usage/a%2Fb").json() == {"error": "use PUT or DELETE or GET"}


@pytest.mark.parametrize("path", ["/nobody", "/acmee/usage", "/ACME/status", "/_meterboxx"])
def test_a_path_of_no_vendor_says_which_there_are(acme: Sandbox, path: str) -> None:
    answer = got(acme, path)
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": f"Nothing answers GET '{path}'. Vendors: acme; our own API: /_meterbox."},
    )


def test_a_path_without_its_vendor_is_told_with_where_it_is(house: Sandbox) -> None:
    """As of clients that leave out the path of the address they are given."""
    lost = "Vendors: amberflo, hyperline, kana, orb, segment; our own API: /_meterbox."
    there = " There is '/hyperline/v1/customers/a%2Fb' or '/orb/v1/customers/a%2Fb': "
    there += "does the client keep the path of the address it was given?"
    for path, hint in (("/v1/customers/a%2Fb", there), ("/v1/nothing/a/b/c", "")):
        told = got(house, path).json()["error"]
        assert told.partition(lost)[2] == hint


def test_what_is_here_is_told_to_a_program(house: Sandbox) -> None:
    answer = got(house, "/")
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["meterbox"]["health"] == "http://127.0.0.1/_meterbox/health"
    assert [entry["vendor"] for entry in told["vendors"]] == vendors()
    for entry in told["vendors"]:
        contract = read(entry["vendor"])
        assert entry["base_url"] == f"http://127.0.0.1/{contract.vendor}"
        assert entry["test_key"] == contract.key("demo")
        assert len(entry["endpoints"]) == len(contract.endpoints)


def test_what_is_here_is_shown_to_a_person(house: Sandbox) -> None:
    answer = got(house, "/", accept="text/html,application/xhtml+xml")
    assert answer.headers["content-type"].startswith("text/html")
    assert all(f"http://127.0.0.1/{vendor}" in answer.text for vendor in vendors())


def test_only_the_vendors_asked_for_are_there() -> None:
    [first, *others] = vendors()
    sandbox = create_app(Options(vendors=[first]))
    assert vendor_of(got(sandbox, f"/{first}/")) == first
    assert all(vendor_of(got(sandbox, f"/{other}/")) == "nobody" for other in others)


def test_an_unknown_vendor_is_told_before_anything_starts() -> None:
    with pytest.raises(UnknownVendor, match="Did you mean"):
        load([f"{vendors()[0]}x"])
