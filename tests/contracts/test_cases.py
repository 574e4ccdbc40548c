"""Every contract case of every vendor, against the sandbox."""

import ast
import asyncio
import base64
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts import credentials, durations
from contracts.cases import Case, differences, keep, read_cases, render
from contracts.conformance import violations
from contracts.model import Contract
from contracts.reader import read, vendors
from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.faults import Fault

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 15, 12, 0, 0, 250_000, tzinfo=UTC)
CASES = [
    pytest.param(read(vendor), case, id=f"{vendor}-{case.name}")
    for vendor in vendors()
    for case in read_cases(read(vendor))
]


@cache
def house() -> Sandbox:
    """Every vendor, for all cases: each takes a key of its own, and leaves nothing behind."""
    return create_app(Options(source=lambda: NOW))


@asynccontextmanager
async def target(contract: Contract, case: Case) -> AsyncIterator[tuple[Account, Any]]:
    """A fresh account with the case's settings, and a function that sends it a request."""
    sandbox = house()
    key = contract.key(uuid.uuid4().hex)
    account = sandbox.accounts.open(contract.vendor, key)
    for rule, value in (case.settings or {}).items():
        account.set(rule, value)
    base = f"http://127.0.0.1/{contract.vendor}"
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=sandbox), base_url=base
    ) as client:
        yield account, partial(send, client, contract, key)
    account.reset()


async def send(
    client: httpx.AsyncClient, contract: Contract, key: str, request: dict[str, Any]
) -> httpx.Response:
    """Send a case's request."""
    return await client.request(**arguments(contract, key, request))


def arguments(contract: Contract, key: str, request: dict[str, Any]) -> dict[str, Any]:
    """A case's request for httpx, with the credential unless it brings (or renounces) its own."""
    auth = {} if request.get("anonymous") else shown(contract, key, request)
    asked: dict[str, Any] = {"headers": {**auth, **request.get("headers", {})}}
    asked |= {"method": request["method"], "url": request["path"], "params": request.get("query")}
    if "json" in request:
        asked["json"] = request["json"]
    if "text" in request:
        asked["content"] = request["text"].encode()
    if "base64" in request:
        asked["content"] = base64.b64decode(request["base64"])
    return asked


def shown(contract: Contract, key: str, request: dict[str, Any]) -> dict[str, str]:
    """The credential as the endpoint that is asked takes it."""
    asked = request["method"], request["path"]
    for endpoint in contract.endpoints:
        if asked[0] == endpoint.method and asked[1] in endpoint.paths:
            return credentials.headers_for(endpoint, contract, key)
    return credentials.headers(contract.auth, key)


async def run(contract: Contract, case: Case) -> None:
    async with target(contract, case) as (account, sent):
        kept: dict[str, str] = {}
        told = partial(render, run=uuid.uuid4().hex[:12], kept=kept)
        for step in case.given:
            answer = await prepare(account, told(step, now=account.clock.now()), sent)
            kept |= keep(answer, step.get("keep", {}))
        now = account.clock.now()
        response = await sent(told(case.request, now=now))
        assert list(answer_differences(told(case.response, now=now), response)) == []
        conforms(contract, account, response)
        look_behind(account, case, partial(told, now=now))


async def prepare(account: Account, step: dict[str, Any], sent: Any) -> Any:
    """Take a step before the request; answers the JSON it gave, if any."""
    if "advance" in step:
        account.clock.advance(durations.parse(step["advance"]))
    elif "fault" in step:
        account.faults.add(Fault.read(step["fault"]))
    elif "dashboard" in step:
        act = account.room.dashboard[step["dashboard"]]
        return act(account, step.get("json", {}), account.clock.now())
    else:
        for _ in range(step.get("times", 1)):
            response = await sent(step["request"])
            assert response.status_code == step.get("status", response.status_code), response.text
            assert response.status_code < 500
        return response.json() if "keep" in step else None
    return None


def answer_differences(expected: dict[str, Any], response: httpx.Response) -> list[str]:
    found = list(differences(expected["status"], response.status_code, "status"))
    for name, value in expected.get("headers", {}).items():
        found += differences(value, response.headers.get(name), f"header {name}")
    if "json" in expected:
        found += differences(expected["json"], response.json())
    if "text" in expected:
        found += differences(expected["text"], response.text, "text")
    return found


def conforms(contract: Contract, account: Account, response: httpx.Response) -> None:
    """The answer is one the contract knows."""
    exchange = account.room and response.headers["x-meterbox-exchange"]
    assert exchange
    name = next(
        (e.endpoint for e in account.journal.after(0) if e.id == exchange),
        None,
    )
    if name is None:
        return
    endpoint = contract.endpoint(name)
    assert response.status_code in endpoint.responses
    schema = endpoint.responses[response.status_code]
    if schema is not None:
        assert violations(response.json(), schema, rule="response") == []


def look_behind(account: Account, case: Case, told: Any) -> None:
    exchange = max(account.journal.after(0), key=lambda e: e.number, default=None)
    if case.findings is not None:
        assert exchange is not None
        found = [{"path": f.path, "rule": f.rule} for f in exchange.findings]
        assert found == told(case.findings)
    account.elapse(account.clock.now())
    if case.totals is not None:
        totals = [
            {"customer": t.customer, "meter": t.meter, "quantity": t.quantity, "events": t.events}
            for t in account.ledger.totals()
        ]
        assert totals == told(case.totals)
    if case.outcomes is not None:
        last = {entry.usage.event: entry.outcome for entry in account.ledger.entries()}
        expected = told(case.outcomes)
        assert {event: last.get(event) for event in expected} == expected
    for name, shown in told(case.shows or {}).items():
        seen = account.room.dashboard[name](account, {}, account.clock.now())
        assert list(differences(shown, seen, name)) == []


@pytest.mark.parametrize(("contract", "case"), CASES)
def test_the_sandbox_answers_as_the_case_says(contract: Contract, case: Case) -> None:
    asyncio.run(run(contract, case))


@pytest.mark.parametrize("vendor", vendors())
def test_every_rule_is_shown_by_a_case_or_a_test_and_every_case_has_a_rule(vendor: str) -> None:
    from tests.translators.test_golden import GOLDEN

    contract = read(vendor)
    named = {rule for case in read_cases(contract) for rule in case.rules}
    golden = {rule for g in GOLDEN if g.vendor == vendor for rule in g.rules}
    assert named - set(contract.rules) == set()
    assert golden - set(contract.rules) == set()
    tested = {rule.id for rule in contract.rules.values() if rule.tests}
    assert set(contract.rules) - named - golden - tested == set()


TESTED = [
    (rule.id, test) for v in vendors() for rule in read(v).rules.values() for test in rule.tests
]


@pytest.mark.parametrize(("rule", "test"), TESTED)
def test_a_test_that_a_rule_names_is_there_and_names_the_rule(rule: str, test: str) -> None:
    file, _, function = test.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [n for n in tree.body if isinstance(n, functions) and n.name == function]
    assert [rule in (ast.get_docstring(node) or "") for node in found] == [True]
