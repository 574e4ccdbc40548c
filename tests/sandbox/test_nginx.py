"""Two sandbox processes behind Debian's nginx: one address, and each account in one of them."""

from __future__ import annotations

import base64
import gzip
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orb
import pytest
from segment.analytics.client import Client as Segment

from contracts import credentials
from contracts.cases import NOW, read_cases, render
from contracts.model import Contract
from contracts.reader import read, vendors
from sandbox.auth import handle
from sandbox.body import LARGEST
from sandbox.verifying.verification import verified
from sandbox.verifying.visit import Terms, called
from tests.clients.test_segment_to_vendors import play
from tests.running import NGINX, Nginx, Up

pytestmark = [
    pytest.mark.nginx,
    pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx-light"),
]
TOKEN = 'mutation { generateUserToken(userId: "u1") { token } }'
ME = "{ currentUser { id } }"


@dataclass(frozen=True)
class Spread:
    """One address, and the processes behind it."""

    url: str
    processes: tuple[str, ...]
    http: httpx.Client

    def told(self, path: str, **query: str) -> Any:
        return self.http.get(f"{self.url}/_meterbox/{path}", params=query).raise_for_status().json()

    def lists(self) -> dict[str, list[dict[str, Any]]]:
        """Process -> its accounts."""
        return {
            process: self.http.get(f"{process}/_meterbox/accounts").json()["accounts"]
            for process in self.processes
        }

    def holders(self, vendor: str, key: str) -> dict[str, int]:
        """Process -> how many exchanges it has on the account of a key; absent where it has none of
        that key, not even an empty one."""
        return self.held(vendor)[handle(key)]

    def held(self, vendor: str) -> dict[str, dict[str, int]]:
        """Handle -> process -> how many exchanges it has there."""
        held: dict[str, dict[str, int]] = defaultdict(dict)
        for process, accounts in self.lists().items():
            for account in accounts:
                if account["vendor"] == vendor:
                    held[account["handle"]][process] = account["exchanges"]
        return held


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def spread(client: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spread]:
    yield from spreading(client, tmp_path_factory.mktemp("nginx"))


@pytest.fixture(scope="module")
def crowd(client: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spread]:
    """For thousands of accounts, which take long to list."""
    yield from spreading(client, tmp_path_factory.mktemp("crowd"))


def spreading(client: httpx.Client, folder: Path) -> Iterator[Spread]:
    with Up() as one, Up() as two, Nginx(folder, one.url, two.url) as nginx:
        yield Spread(nginx.url, (one.url, two.url), client)


@pytest.fixture
def name() -> str:
    return f"n{uuid.uuid4().hex}"


def example(contract: Contract, url: str, key: str) -> httpx.Request:
    """The contract's example as a request."""
    endpoint = contract.endpoint(contract.example["endpoint"])
    body: Any = render(contract.example["json"], now=NOW, run=uuid.uuid4().hex)
    headers = credentials.headers_for(endpoint, contract, key)
    at = f"{url}/{contract.vendor}{endpoint.paths[0]}"
    return httpx.Request(endpoint.method, at, json=body, headers=headers)


@pytest.mark.parametrize("vendor", vendors())
def test_each_of_200_keys_is_whole_in_one_process(crowd: Spread, vendor: str) -> None:
    contract = read(vendor)
    keys = {contract.key(uuid.uuid4().hex) for _ in range(200)}
    for key in [*keys, *keys]:
        crowd.http.send(example(contract, crowd.url, key))
    held = crowd.held(vendor)
    homes = [list(held[handle(key)].items()) for key in keys]
    assert [counts for counts in homes if [n for _, n in counts] != [2]] == []
    shares = Counter(process for [(process, _)] in homes)
    assert min(shares[process] for process in crowd.processes) >= 60


def test_accounts_of_one_name_are_in_one_process(spread: Spread) -> None:
    """So what is forwarded in a process reaches the accounts that the address leads to."""
    for name in (f"n{uuid.uuid4().hex}" for _ in range(5)):
        for vendor in vendors():
            spread.http.send(example(read(vendor), spread.url, read(vendor).key(name)))
        holders = [set(spread.holders(vendor, read(vendor).key(name))) for vendor in vendors()]
        assert holders == [holders[0]] * len(vendors())
        assert len(holders[0]) == 1


# The suite: every contract case, as a client of the one address.


@pytest.mark.parametrize("vendor", vendors())
def test_every_contract_case_holds_through_the_one_address(crowd: Spread, vendor: str) -> None:
    """As `meterbox verify` plays them."""
    contract, url = read(vendor), f"{crowd.url}/{vendor}"
    cases = read_cases(contract)
    with called(contract, cases, [url], Terms(sandbox=True)) as visit:
        results = list(verified(contract, cases, visit.host))
    assert [judged for judged in results if judged.verdict != "match"] == []
    assert len(results) == len(list((contract.folder / "cases").glob("*.json")))


# Credentials that nginx cannot read, or reads otherwise.


def post(spread: Spread, path: str, **arguments: Any) -> httpx.Response:
    return spread.http.post(f"{spread.url}{path}", **arguments)


def call(key: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "e", "userId": "u1", "writeKey": key, **more}


def deep(depth: int) -> Any:
    return [deep(depth - 1)] if depth else "."


BODIES: dict[str, Any] = {
    "plain": lambda key: {"json": call(key)},
    "first of a batch": lambda key: {"json": {"batch": [call(key), call(key)]}},
    "deep": lambda key: {"json": call(key, properties={"p": deep(100)})},
    "in pieces": lambda key: {"content": iter([json.dumps(call(key)).encode()])},
    "large": lambda key: {"json": {"batch": [call(key, properties={"p": "." * 3_000_000})]}},
    "gzip": lambda key: {
        "content": gzip.compress(json.dumps(call(key)).encode()),
        "headers": {"content-encoding": "gzip"},
    },
    "gzip of two members": lambda key: {
        "content": b"".join(gzip.compress(part.encode()) for part in halves(json.dumps(call(key)))),
        "headers": {"content-encoding": "gzip"},
    },
}


def halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


@pytest.mark.parametrize("form", BODIES)
def test_a_key_in_a_body_leads_to_the_one_account(spread: Spread, form: str) -> None:
    """As often as not nginx, which reads no bodies, comes to the other process first."""
    for _ in range(6):
        key = read("segment").key(f"n{uuid.uuid4().hex}")
        path = "/segment/v1/batch" if "batch" in form or form == "large" else "/segment/v1/track"
        post(spread, path, **BODIES[form](key))
        post(spread, "/segment/v1/track", json=call(""), auth=(key, ""))
        assert list(spread.holders("segment", key).values()) == [2]


AUTHORIZATIONS = {
    "plain": lambda key: f"Bearer {key}",
    "another casing": lambda key: f"bEARER {key}",
    "spaces": lambda key: f"Bearer    {key}",
    "basic": lambda key: "Basic " + base64.b64encode(f"{key}:secret".encode()).decode(),
    "basic without a colon": lambda key: "Basic " + base64.b64encode(key.encode()).decode(),
}
NAMES = ("n%20m", "a b", "x/y?z", "größe", "100%", 'say "$meterbox_name";', "deadbeef", "_")


@pytest.mark.parametrize("form", AUTHORIZATIONS)
@pytest.mark.parametrize("word", NAMES)
def test_however_a_key_is_shown_it_is_one_account(spread: Spread, form: str, word: str) -> None:
    key = read("hyperline").key(f"{word}{list(AUTHORIZATIONS).index(form):02}")
    for spelled in (AUTHORIZATIONS[form], AUTHORIZATIONS["plain"]):
        headers = {b"authorization": spelled(key).encode("latin-1")}
        answer = spread.http.get(f"{spread.url}/hyperline/v1/customers", headers=headers)
        assert answer.status_code == 200
        exchange = spread.told(f"exchanges/{answer.headers['x-meterbox-exchange']}")
        assert "meterbox" not in json.dumps(exchange["request"]["headers"]).lower()
    told = exchange["id"].split("-")[1]
    every = [account for accounts in spread.lists().values() for account in accounts]
    assert [a["exchanges"] for a in every if a["handle"] == told] == [2]


def graphql(spread: Spread, path: str, credential: str, query: str) -> httpx.Response:
    headers = {"authorization": credential}
    return post(spread, f"/kana{path}", json={"query": query}, headers=headers)


def test_a_users_token_and_a_public_key_lead_to_the_account_of_the_private_key(
    spread: Spread,
) -> None:
    for mode in ("test", "live") * 4:
        name = f"{mode}_n{uuid.uuid4().hex}"
        user = 'mutation { createUser(input: {id: "u1"}) { id } }'
        assert "errors" not in graphql(spread, "/graphql", f"prv_{name}", user).json()
        made = graphql(spread, "/graphql", f"prv_{name}", TOKEN).json()
        token = made["data"]["generateUserToken"]["token"]
        mine = graphql(spread, "/client/graphql", f"Bearer {token}", ME).json()
        assert mine["data"]["currentUser"]["id"] == "u1"
        assert graphql(spread, "/client/graphql", f"pub_{name}", ME).status_code == 200
        assert list(spread.holders("kana", f"prv_{name}").values()) == [4]
        wrong = graphql(spread, "/client/graphql", f"Bearer {token[:-4]}AAAA", ME)
        assert wrong.headers["x-meterbox-exchange"].startswith("kana-anonymous-")


def test_strangers_are_one_account(spread: Spread) -> None:
    for key in ("bad_1", "bad_2", "bad_3", ""):
        headers = {"authorization": f"Bearer {key}"} if key else {}
        answer = spread.http.get(f"{spread.url}/orb/v1/ping", headers=headers)
        assert answer.status_code == 401
    assert len(spread.holders("orb", "")) == 1
    assert spread.told("accounts/orb/anonymous")["handle"] == "anonymous"


# The control API.


@pytest.mark.parametrize("key", ["n1", "deadbeef02", "a%20b", "ü"])
def test_an_account_is_reached_by_key_and_by_handle(spread: Spread, key: str) -> None:
    """A key that looks like a handle, too, and one that nobody has used yet."""
    path = f"{spread.url}/_meterbox/accounts/orb/{quote(key)}"
    spread.http.post(f"{path}/clock", json={"freeze": NOW.isoformat()}).raise_for_status()
    if key.isascii():  # a header is read as Latin-1, a path as UTF-8
        spread.http.get(f"{spread.url}/orb/v1/ping", headers={"authorization": f"Bearer {key}"})
    for name in (quote(key), handle(key)):
        told = spread.told(f"accounts/orb/{name}")
        assert (told["handle"], told["clock"]["frozen"]) == (handle(key), True)
    assert list(spread.holders("orb", key).values()) == [int(key.isascii())]


def test_what_nobody_has_is_not_found(spread: Spread) -> None:
    for path in ("accounts/orb/0123456789/ledger", "exchanges/orb-0123456789-1", "exchanges/x"):
        assert spread.http.get(f"{spread.url}/_meterbox/{path}").status_code == 404
    answer = spread.http.get(f"{spread.url}/_meterbox/accounts/obr/demo")
    assert "No contract for 'obr'" in answer.json()["error"]


@pytest.mark.parametrize("path", ["accounts", "exchanges?wait=1"])
def test_lists_of_everything_say_which_processes_to_ask(spread: Spread, path: str) -> None:
    answer = spread.http.get(f"{spread.url}/_meterbox/{path}")
    assert answer.status_code == 501
    assert all(process in answer.json()["error"] for process in spread.processes)


def test_waiting_for_an_exchange_ends_when_it_comes(spread: Spread, name: str) -> None:
    at = f"{spread.url}/_meterbox/accounts/orb/{name}/exchanges"
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(spread.http.get, at, params={"wait": "20"})
        spread.http.get(f"{spread.url}/orb/v1/ping", headers={"authorization": f"Bearer {name}"})
        assert len(waiting.result().json()["exchanges"]) == 1


# What passes untouched.


def test_what_is_too_large_is_refused_in_the_vendors_words(spread: Spread, name: str) -> None:
    said = []
    for url in (spread.url, spread.processes[0]):
        headers = {"authorization": f"Bearer {name}", "content-type": "application/json"}
        large = b" " * (LARGEST + 1)
        answer = spread.http.post(f"{url}/orb/v1/ingest", content=large, headers=headers)
        said.append((answer.status_code, answer.json()))
    assert said[0] == said[1]
    assert said[0][0] == 413


def test_paths_and_hosts_arrive_as_they_were_sent(spread: Spread, name: str) -> None:
    headers = {"authorization": f"Bearer {name}", "host": "api.withorb.com"}
    at = f"{spread.url}/v1/customers/a%2F..%2Fb//%C3%BC?x=%2F"
    answer = spread.http.get(at, headers=headers)
    told = spread.told(f"exchanges/{answer.headers['x-meterbox-exchange']}")
    assert told["request"]["path"] == "/v1/customers/a%2F..%2Fb//%C3%BC"
    assert told["request"]["headers"]["host"] == "api.withorb.com"
    assert list(spread.holders("orb", name)) != []


@pytest.mark.parametrize("kind", ["reset", "lost-reply", "reset-after", "truncated"])
def test_a_fault_cuts_the_connection_and_nothing_is_sent_twice(
    spread: Spread, name: str, kind: str
) -> None:
    at = f"{spread.url}/_meterbox/accounts/orb/{name}"
    spread.http.get(f"{spread.url}/orb/v1/ping", headers={"authorization": f"Bearer {name}"})
    spread.http.post(f"{at}/faults", json={"kind": kind}).raise_for_status()
    with pytest.raises(httpx.RemoteProtocolError):
        spread.http.send(example(read("orb"), spread.url, name))
    assert list(spread.holders("orb", name).values()) == [2]


def test_a_fault_of_a_status_is_in_the_vendors_words(spread: Spread, name: str) -> None:
    at = f"{spread.url}/_meterbox/accounts/orb/{name}"
    spread.http.post(f"{at}/faults", json={"kind": "status", "status": 502}).raise_for_status()
    answer = spread.http.send(example(read("orb"), spread.url, name))
    assert (answer.status_code, answer.json()["status"]) == (502, 502)


# Clients, and processes that come and go.


def test_the_official_clients_bill_through_the_one_address(spread: Spread, name: str) -> None:
    with orb.Orb(api_key=name, base_url=f"{spread.url}/orb/v1", max_retries=0) as client:
        client.customers.create(name="Acme", email="a@acme.test", external_customer_id="acme")
        for _ in range(2):
            event: Any = {"event_name": "e", "idempotency_key": "k", "external_customer_id": "acme"}
            event |= {"timestamp": datetime.now(UTC), "properties": {}}
            client.events.ingest(events=[event])
    [total] = spread.told(f"accounts/orb/{name}/ledger")["totals"]
    assert total["quantity"] == 1
    key = read("segment").key(name)
    Segment(write_key=key, host=f"{spread.url}/segment", sync_mode=True, gzip=True).track("u1", "e")
    assert len(spread.told(f"accounts/segment/{key}/exchanges")["exchanges"]) == 1


def test_what_segments_client_sends_is_billed_at_four_vendors(spread: Spread, name: str) -> None:
    play(spread.http, spread.url, name)


def test_a_third_process_takes_some_accounts_and_moves_no_others(
    spread: Spread, tmp_path: Path
) -> None:
    names = [f"n{uuid.uuid4().hex}" for _ in range(60)]
    with Up() as up, Nginx(tmp_path, *spread.processes, up.url) as nginx:
        more = Spread(nginx.url, (*spread.processes, up.url), spread.http)
        for name in names:
            for url in (spread.url, more.url):
                spread.http.send(example(read("orb"), url, name))
        held = more.held("orb")
    for name in names:
        counts = held[handle(name)]
        # A moved account is new in its new process, and the old one is left behind.
        assert list(counts.values()) == ([1, 1] if up.url in counts else [2])
    assert 5 <= sum(up.url in held[handle(name)] for name in names) <= 40


def test_while_a_process_is_away_its_accounts_are_nowhere_else(
    client: httpx.Client, tmp_path: Path
) -> None:
    with Up() as one, Up() as two, Nginx(tmp_path, one.url, two.url) as nginx:
        spread = Spread(nginx.url, (one.url, two.url), client)
        names = [f"n{uuid.uuid4().hex}" for _ in range(40)]
        for name in names:
            client.send(example(read("orb"), nginx.url, name))
        held = spread.held("orb")
        homes = {name: home for name in names for home in held[handle(name)]}
        assert [name for name in names if len(held[handle(name)]) != 1] == []
        two.kill()
        left = Spread(nginx.url, (one.url,), client)
        for name in names * 3:
            answer = client.send(example(read("orb"), nginx.url, name))
            assert (answer.status_code == 502) is (homes[name] == two.url)
        held = left.held("orb")
        for name, home in homes.items():
            assert held[handle(name)] == ({one.url: 4} if home == one.url else {})
        assert answer.status_code != 502 or "does not answer" in answer.json()["error"]
