"""The go-live gate at each vendor: events are known by what its ledger calls them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from contracts.reader import read
from sandbox.account import Account
from sandbox.acts import perform
from sandbox.app import Options, Sandbox, create_app
from sandbox.faults import Fault
from sandbox.readiness.policy import Policy
from sandbox.readiness.run import Recorded, Run
from sandbox.readiness.verdict import judge
from sandbox.reports.model import Check
from sandbox.snapshot import read as snapshot
from sandbox.snapshot import restore, take
from tests.acme import inside

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
MILLIS = int(NOON.timestamp() * 1000)
CREDENTIALS = {"amberflo": "x-api-key", "kana": "authorization", "hyperline": "authorization"}
Step = tuple[str, Any] | Fault
"""A path below the vendor's and a body, or a fault before the next one."""


@pytest.fixture(scope="module")
def house() -> Sandbox:
    return create_app(Options(vendors=list(CREDENTIALS), source=lambda: NOON))


def asked(house: Sandbox, vendor: str, steps: Sequence[Step], **settings: str) -> dict[str, Check]:
    """What becomes of each question when this was recorded."""
    contract = read(vendor)
    account = house.accounts.open(vendor, contract.key("recorded"))
    account.reset()
    if vendor == "kana":
        feature = {"name": "features", "arguments": {"add": {"id": "calls", "name": "Calls"}}}
        perform(account, "dashboard", feature, NOON)
        settings["kana.usage.entitlement"] = "ignored"
    perform(account, "settings", settings, NOON)
    asyncio.run(played(house, account, steps))
    taken = json.loads(json.dumps(take(account)))
    again = house.accounts.open(vendor, contract.key("again"))
    done = restore(snapshot(taken), again, house.switchboard)
    report = judge(Run(contract, [Recorded(again, done)]), Policy())
    return {check.group: check for check in report.checks}


async def played(house: Sandbox, account: Account, steps: Sequence[Step]) -> None:
    shown = "Bearer " if account.vendor == "hyperline" else ""
    headers = {CREDENTIALS[account.vendor]: shown + account.key}
    async with inside(house, headers=headers) as client:
        for step in steps:
            if isinstance(step, Fault):
                account.faults.add(step)
                continue
            path, body = step
            try:
                await client.post(f"/{account.vendor}{path}", json=body)
            except (httpx.HTTPError, ConnectionError):
                continue


def wrong(checks: dict[str, Check]) -> dict[str, str]:
    """What is answered no, with the first reason."""
    failed = {name: check for name, check in checks.items() if check.verdict == "failed"}
    return {name: check.findings[0].message for name, check in failed.items()}


def seen(checks: dict[str, Check], question: str) -> tuple[str, str]:
    return checks[question].verdict, checks[question].detail


def record(unique: str | None, **more: Any) -> Step:
    """Usage at Amberflo."""
    own = {} if unique is None else {"uniqueId": unique}
    named = {"customerId": "acme", "meterApiName": "calls", "meterValue": 1}
    return "/ingest", [{**own, **named, "meterTimeInMillis": MILLIS - 1000, **more}]


def event(id: Any, **more: Any) -> Step:
    """Usage at Hyperline."""
    given = {"customer_id": "acme", "event_type": "api/call", "record": {"id": id, "of": str(id)}}
    return "/v1/events", {**given, "timestamp": "2026-01-15T11:00:00Z", **more}


def track(message: str | None, **more: Any) -> Step:
    """Usage at Kana."""
    own = {} if message is None else {"messageId": message}
    named = {"type": "track", "event": "Call", "userId": "acme", **own}
    properties = {"featureId": "calls", "delta": 1, "of": message}
    at = {"timestamp": "2026-01-15T11:00:00Z"}
    return "/segment/events", {**named, **at, "properties": properties, **more}


def graphql(delta: int) -> Step:
    """Usage at Kana that is not told by an event."""
    query = "mutation($i: CreateUsageEventInput!) { recordUsage(input: $i) { recorded reason } }"
    given = {"userId": "acme", "featureId": "calls", "delta": delta}
    return "/graphql", {"query": query, "variables": {"i": given}}


THROTTLED = Fault("status", status=429)
LOST = Fault("lost-reply")
GOOD: dict[str, list[Step]] = {
    "amberflo": [
        ("/customers", {"customerId": "acme", "customerName": "Acme"}),
        *(record("a", dimensions={"of": "a"}) for _ in range(2)),
        *(THROTTLED, record("b", dimensions={"of": "b"}), record("b", dimensions={"of": "b"})),
        *(LOST, record("c", dimensions={"of": "c"}), record("c", dimensions={"of": "c"})),
        record("d", values={"bytes": 7, "files": 1}, dimensions={"of": "d"}),
    ],
    "hyperline": [
        ("/v1/customers", {"name": "Acme", "external_id": "acme"}),
        *(event("a"), event("a")),
        *(THROTTLED, event("same", record={"id": "b"}), event("same", record={"id": "b"})),
        *(LOST, event("same", record={"id": "c"}), event("same", record={"id": "c"})),
        *(event(7), event(7.0)),
        ("/v1/events/batch", [event(id)[1] for id in ("d", "e/d", "f%2F/d")]),  # type: ignore[index]
    ],
    "kana": [
        ("/segment/events", {"type": "identify", "userId": "acme", "messageId": "i", "traits": {}}),
        *(track("a"), track("a")),
        *(THROTTLED, track("b"), track("b")),
        *(LOST, track("c"), track("c")),
    ],
}
STRANGER: dict[str, Step] = {
    "amberflo": record("ghost", customerId="nobody"),
    "hyperline": event("ghost", customer_id="nobody"),
    "kana": track("ghost", userId="nobody"),
}


@pytest.mark.parametrize("vendor", GOOD)
def test_a_run_that_shows_all_of_it_is_a_yes(house: Sandbox, vendor: str) -> None:
    expected = {"hyperline": ["refusals"]}.get(vendor, [])
    assert list(wrong(asked(house, vendor, GOOD[vendor]))) == expected


@pytest.mark.parametrize("vendor", GOOD)
def test_usage_of_a_stranger_is_never_billed(house: Sandbox, vendor: str) -> None:
    told = wrong(asked(house, vendor, [*GOOD[vendor], STRANGER[vendor]]))
    assert told["conserved"].startswith("1 events are never billed: ghost (")


@pytest.mark.parametrize("vendor", GOOD)
def test_what_cannot_be_asked_of_a_vendor_is_no_yes(house: Sandbox, vendor: str) -> None:
    checks = asked(house, vendor, GOOD[vendor])
    assert seen(checks, "late") == ("skipped", "no rule on the age of events is known")
    assert seen(checks, "coverage") == ("skipped", "the policy asks for none")


def test_a_rule_must_be_met_only_where_it_refuses(house: Sandbox) -> None:
    rule = "amberflo.ingest.future"
    told = asked(house, "amberflo", GOOD["amberflo"])
    assert told["refusals"].verdict == "skipped"
    told = asked(house, "amberflo", GOOD["amberflo"], **{rule: "reject"})
    assert [finding.rule for finding in told["refusals"].findings] == [rule]


def test_one_key_that_is_counted_twice_is_billed_twice(house: Sandbox) -> None:
    told = wrong(asked(house, "amberflo", [*GOOD["amberflo"], record("a", meterValue=7)]))
    assert told["billed-once"] == "1 events are billed twice: a (calls of acme)."


@pytest.mark.parametrize(
    ("vendor", "bare", "twice"),
    [("amberflo", record(None), False), ("kana", track(None), True)],
)
def test_events_without_keys_are_judged_too(
    house: Sandbox, vendor: str, bare: Step, twice: bool
) -> None:
    """At one of them the whole record is the identity, and at the other nothing is."""
    checks = asked(house, vendor, [*GOOD[vendor], bare])
    advised = {finding.rule for finding in checks["advice"].findings}
    assert "lint.key.missing" in advised
    again = wrong(asked(house, vendor, [*GOOD[vendor], LOST, bare, bare]))
    assert ("one without a key" in again.get("billed-once", "")) is twice
    lost = wrong(asked(house, vendor, [*GOOD[vendor], THROTTLED, bare]))
    assert lost["conserved"].startswith("1 events are never billed: one without a key (")


def test_usage_that_cannot_be_followed_is_no_yes(house: Sandbox) -> None:
    told = wrong(asked(house, "kana", [*GOOD["kana"], graphql(3)]))
    assert list(told) == ["followed"]
    assert told["followed"].startswith("1 entries of the ledger are of events that came in other")


def test_a_key_for_each_attempt_is_found_over_several(house: Sandbox) -> None:
    """The first two fail, of which the second is applied."""
    tries = [THROTTLED, event("k1", record={"id": "k1"})]
    tries += [LOST, event("k2", record={"id": "k2"}), event("k3", record={"id": "k3"})]
    told = wrong(asked(house, "hyperline", [GOOD["hyperline"][0], *tries]))
    assert told["keys"].startswith("2 events came again under another key")
    assert told["billed-once"] == "1 events are billed twice: k3 (api/call of acme)."
