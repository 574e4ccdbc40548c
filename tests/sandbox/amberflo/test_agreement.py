"""The ledger and /usage tell the same story, whatever happened in which order.

Usage tells what was taken, the ledger what of it is billed: they agree meter by meter, and where
the ledger bills nothing of what usage shows, it names the rule.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.amberflo.records import CANCEL
from tests.sandbox.amberflo.conversation import Conversation
from tests.sandbox.amberflo.examples import CUSTOMERS, record
from tests.sandbox.amberflo.model import Sent

TALK = Conversation()
EVER = {"startTimeInSeconds": 0, "endTimeInSeconds": 4_000_000_000}
METERS = ["m1", "m2", "m3"]
SILENT = {
    "amberflo.meter.undeclared",
    "amberflo.meter.deprecated",
    "amberflo.meter.use-in-billing",
    "amberflo.meter.duration",
    "amberflo.meter.aggregation-dimension",
    "amberflo.ingest.unknown-customer",
}
STEPS = st.lists(st.integers(0, 2**40), min_size=4, max_size=14)
PERIODS = st.sampled_from(["all", "month"])
MATCHES = st.sampled_from(["record", "unique-id", "resource"])


def steps(numbers: list[int]) -> Iterator[tuple[str, Any]]:
    """What somebody does: mostly sends records, and now and then changes a meter or a customer."""
    acts = ["customer", "declare", "declare", "change", "deprecate", "delete"]
    for n, number in enumerate(numbers):
        number, act = divmod(number, 12)
        if act < len(acts):
            yield acts[act], number
        else:
            yield "ingest", replace(record(number // 3), id=f"e{n}", meter=METERS[number % 3])


def perform(talk: Conversation, act: str, what: Any, sent: list[Sent]) -> None:
    if act == "ingest":
        if not sent:
            talk.ask("POST", "/customers", {"customerId": "acme", "customerName": "Acme"})
        sent.append(what)
        talk.ask("POST", "/ingest", [what.wire(), sent[0].wire()])
        if what.cancelled:
            marked = what.wire() | {"dimensions": what.dimensions | {CANCEL: "true"}}
            for value in (what.value, 77):  # one that never came may by switch find another
                talk.ask("POST", "/ingest", marked | {"meterValue": value})
    elif act == "customer":
        id = CUSTOMERS[what % 3]
        talk.ask("POST", "/customers", {"customerId": id, "customerName": id})
    elif act == "declare":
        name = METERS[what % 3]
        talk.ask("POST", "/meters", meter(what // 3) | {"label": name, "meterApiName": name})
    else:
        change(talk, act, what)


def change(talk: Conversation, act: str, number: int) -> None:
    """Change a meter, deprecate it, or do that and delete it."""
    known = talk.ask("GET", "/meters")[1]
    if not known:
        return
    one = known[number % len(known)]
    if act == "change":
        talk.ask("PUT", "/meters", one | meter(number // 3))
        return
    talk.ask("PUT", "/meters", one | {"lockingStatus": "deprecated"})
    if act == "delete":
        talk.ask("DELETE", f"/meters/{one['id']}")


def meter(number: int) -> dict[str, Any]:
    kinds = ["sum_of_all_usage", "active_users", "max_usage", "event_duration"]
    return {
        "meterType": kinds[number % 4],
        "aggregationDimensions": [["user"], ["user", "region"]][number // 4 % 2],
        "useInBilling": number // 8 % 4 != 0,
    }


def reported(talk: Conversation, name: str, interval: str | None) -> list[dict[str, Any]]:
    """Groups of one meter by customer and business unit, over all time."""
    query = {
        "meterApiName": name,
        "timeRange": EVER,
        "timeGroupingInterval": interval,
        "groupBy": ["customerId", "business_unit_id"],
    }
    reply = talk.exchange("POST", "/usage/sparse", query).reply
    assert reply.status == 200, reply.body
    found: list[dict[str, Any]] = json.loads(reply.body, parse_float=Decimal)["clientMeters"]
    return found


def by_usage(talk: Conversation, period: str) -> dict[tuple[str, str], Fraction]:
    """What usage says would be billed: of known customers, by the meters that bill."""
    meters = {m["meterApiName"]: m for m in talk.ask("GET", "/meters")[1]}
    known = {c["customerId"] for c in talk.ask("GET", "/customers")[1]}
    found = {}
    for name in METERS:
        if not bills(talk, meters.get(name)):
            continue
        monthly = period == "month" and (meters.get(name) or {}).get("aggregation") == "UNIQUE"
        for group in reported(talk, name, "MONTH" if monthly else None):
            info = group["group"]["groupInfo"]
            whom = info.get("customerId") or info["business_unit_id"]
            if "customerId" not in info or whom in known:
                values = [Fraction(value["value"]) for value in group["values"]]
                found[whom, name] = sum(values, Fraction())
    return found


def bills(talk: Conversation, meter: dict[str, Any] | None) -> bool:
    if meter is None:
        return not talk.account.state.register.declared
    silent = meter["lockingStatus"] == "deprecated" or meter["meterType"] == "event_duration"
    return not silent and bool(meter["useInBilling"])


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS, PERIODS, MATCHES)
def test_the_ledger_bills_what_usage_reports(numbers: list[int], period: str, match: str) -> None:
    """Rules amberflo.usage.counted, amberflo.ledger.quantity and amberflo.ledger.period."""
    switches = {"meter.type": "older", "ledger.period": period, "ingest.cancel-match": match}
    talk = TALK.reset(**switches)
    sent: list[Sent] = []
    for act, what in steps(numbers):
        perform(talk, act, what, sent)
        billed = {where: Fraction(str(quantity)) for where, quantity in talk.billed().items()}
        assert billed == by_usage(talk, period), (act, what)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_what_usage_counts_is_billed_or_has_a_rule_that_says_why_not(numbers: list[int]) -> None:
    talk = TALK.reset(**{"meter.type": "older"})
    sent: list[Sent] = []
    for act, what in steps(numbers):
        perform(talk, act, what, sent)
    listed = talk.ask("GET", "/usage/events", query={"pageSize": 1000})[1]
    place = listed["columns"].index("uniqueId")
    last = {e.usage.event: e for e in talk.account.ledger.entries() if e.outcome != "duplicate"}
    assert {row[place] for row in listed["rows"]} == {s.id for s in sent if not s.cancelled}
    for row in listed["rows"]:
        entry = last[row[place]]
        assert entry.outcome == "accepted" or entry.rule in SILENT, entry


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_events_add_up_to_usage(numbers: list[int]) -> None:
    talk = TALK.reset()
    sent: list[Sent] = []
    for act, what in steps(numbers):
        perform(talk, act, what, sent)
    listed = talk.ask("GET", "/usage/events", query={"pageSize": 1000})[1]
    at = {name: n for n, name in enumerate(listed["columns"])}
    for name in METERS:
        rows = [row for row in listed["rows"] if row[at["meterApiName"]] == name]
        query = {"meterApiName": name, "aggregation": "SUM", "timeRange": EVER}
        reply = talk.exchange("POST", "/usage", query).reply
        groups = json.loads(reply.body, parse_float=Decimal)["clientMeters"]
        added = sum((Fraction(row[at["measure_value::double"]]) for row in rows), Fraction())
        assert added == sum((Fraction(group["groupValue"]) for group in groups), Fraction())
