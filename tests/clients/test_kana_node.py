"""Kana's official browser client, unmodified, over a real socket; needs Node.js."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import (
    GraphQLSchema,
    build_client_schema,
    build_schema,
    introspection_from_schema,
    lexicographic_sort_schema,
    print_schema,
)

from contracts.reader import read
from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.faults import Fault
from sandbox.kana.tokens import issue
from sandbox.server import Running
from tests.running import NODE

HERE = Path(__file__).parent / "node"
pytestmark = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules" / "@usekana").is_dir(),
    reason="needs Node.js 20 or later, and: make node",
)
Asked = Callable[..., Any]
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
PARTS = """[
  {id: "messages", entitlement: {limit: 10, resetPeriod: MONTH}}
  {id: "calls", entitlement: {resetPeriod: DAY}}
  {id: "sso"}
]"""
SETUP = f"""mutation {{
  a: createFeature(input: {{id: "messages", name: "Messages", type: CONSUMABLE}}) {{ id }}
  b: createFeature(input: {{id: "calls", type: CONSUMABLE}}) {{ id }}
  c: createFeature(input: {{id: "sso", type: BINARY}}) {{ id }}
  d: createFeature(input: {{id: "reports", type: BINARY}}) {{ id }}
  e: createPackage(input: {{id: "pro", name: "Pro", features: {PARTS}}}) {{ id }}
  f: createPackage(input: {{
    id: "more", isAddon: true
    features: {{id: "messages", entitlement: {{limit: 15, resetPeriod: MONTH}}}}
  }}) {{ id }}
  g: createUser(input: {{id: "1", name: "Ann", email: "ann@acme.test"}}) {{ id }}
}}"""
SUBSCRIBE = """mutation {
  subscribe(packageIds: ["pro", "more"], userId: "1") { id }
  a: recordUsage(input: {userId: "1", featureId: "messages", delta: 14}) { recorded }
  b: recordUsage(input: {userId: "1", featureId: "calls", delta: 7}) { recorded }
}"""


@pytest.fixture(scope="module")
def house() -> Sandbox:
    return create_app(Options(vendors=["kana"]))


@pytest.fixture(scope="module")
def url(house: Sandbox) -> Iterator[str]:
    with Running(house) as server:
        yield f"{server.url}/kana"


@pytest.fixture
def account(house: Sandbox, url: str, http: httpx.Client) -> Account:
    """An account in which user 1 has used 14 of 15 messages."""
    found = house.accounts.open("kana", f"prv_test_{uuid.uuid4().hex}")
    found.clock.freeze(NOW)
    for document in (SETUP, SUBSCRIBE):
        headers = {"authorization": found.key}
        answer = http.post(f"{url}/graphql", json={"query": document}, headers=headers)
        assert "errors" not in answer.json()
        for package in ("pro", "more") if document is SETUP else ():
            found.room.dashboard["packages"](found, {"publish": package}, NOW)
    return found


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    """What clients are told, in a process that makes a new one for each question."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [str(NODE), "kana.mjs"], cwd=HERE, stdin=pipe, stdout=pipe, text=True
    ) as process:

        def ask(endpoint: str, **shown: str) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([endpoint, shown]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask


def public(account: Account) -> str:
    return account.key.replace("prv_", "pub_")


def entitled(used: int, access: bool) -> dict[str, Any]:
    return {"access": access, "consumption": {"budget": 15, "used": used}}


def told(messages: dict[str, Any]) -> Any:
    """What the client makes of the answer, with messages as they stand."""
    features = [
        {"id": "messages", "name": "Messages", "type": "CONSUMABLE", "entitlement": messages},
        {"id": "calls", "name": "calls", "type": "CONSUMABLE", "entitlement": {"access": True}},
        {"id": "sso", "name": "sso", "type": "BINARY", "entitlement": {"access": True}},
    ]
    can = {feature["id"]: feature["entitlement"] for feature in features}
    return {
        "packages": [
            {"id": "pro", "name": "Pro", "isAddon": False},
            {"id": "more", "name": "more", "isAddon": True},
        ],
        "features": features,
        "can": {**can, "reports": {"access": False}, "nothing": {"access": False}},
        "errors": 0,
    }


def test_a_public_key_and_a_user_id_tell_packages_features_and_entitlements(
    url: str, account: Account, asked: Asked
) -> None:
    endpoint = f"{url}/client/graphql"
    assert asked(endpoint, apiKey=public(account), userId="1") == told(entitled(14, True))


def test_a_user_token_tells_the_same_and_follows_the_clock(
    url: str, account: Account, http: httpx.Client, asked: Asked
) -> None:
    token = issue("1", account, NOW)
    last = 'mutation { recordUsage(input: {userId: "1", featureId: "messages"}) { recorded } }'
    headers = {"authorization": account.key}
    http.post(f"{url}/graphql", json={"query": last}, headers=headers)
    endpoint = f"{url}/client/graphql"
    assert asked(endpoint, userToken=token) == told(entitled(15, False))
    account.clock.advance(timedelta(days=29))
    assert asked(endpoint, userToken=token) == told(entitled(15, False))
    account.clock.advance(timedelta(days=2))
    again = issue("1", account, account.clock.now())
    assert asked(endpoint, userToken=again) == told(entitled(0, True))
    assert refused(asked(endpoint, userToken=token)) == "AuthenticationError"


def refused(answer: Any) -> str:
    """The one error that every question was answered with."""
    every = [answer["packages"], answer["features"], *answer["can"].values()]
    assert answer["errors"] == len(every)
    assert all(error == every[0] for error in every)
    assert every[0]["error"] == every[0]["name"]
    name: str = every[0]["name"]
    return name


@pytest.mark.parametrize(
    "shown",
    [
        {"apiKey": "pub_test_bad_key", "userId": "1"},
        {"apiKey": "prv_test_key", "userId": "1"},
        {"apiKey": "pub_test_nobody", "userId": "1"},
        {"userToken": "a.b.c"},
    ],
)
def test_who_is_nobody_is_an_authentication_error(
    url: str, shown: dict[str, str], asked: Asked
) -> None:
    answer = asked(f"{url}/client/graphql", **shown)
    assert refused(answer) == "AuthenticationError"
    assert answer["packages"]["message"].startswith("Unauthenticated")


def test_nobody_there_is_a_network_error(asked: Asked) -> None:
    answer = asked("http://127.0.0.1:9/client/graphql", apiKey="pub_test_x", userId="1")
    assert refused(answer) == "NetworkError"


def test_a_failing_server_is_an_error_without_a_type(
    url: str, account: Account, asked: Asked
) -> None:
    account.faults.add(Fault("status", status=503))
    answer = asked(f"{url}/client/graphql", apiKey=public(account), userId="1")
    assert answer["packages"]["error"] == "ClientError"
    assert answer["features"] == told(entitled(14, True))["features"]


def test_the_schema_is_the_one_that_the_client_was_made_for() -> None:
    """As the package carries it, by introspection."""
    package = HERE / "node_modules" / "@usekana" / "client-kana-js"
    carried = package / "src" / "graphql" / "generated" / "graphql.schema.json"
    theirs = build_client_schema(json.loads(carried.read_text()))
    ours = build_schema(read("kana").endpoint("client-graphql").sdl or "")
    assert plain(ours) == plain(theirs)


def plain(schema: GraphQLSchema) -> str:
    """A schema in order, without descriptions."""
    told = introspection_from_schema(schema, descriptions=False)
    return print_schema(lexicographic_sort_schema(build_client_schema(told)))
