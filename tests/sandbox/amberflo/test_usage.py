"""/usage against a model of it: the same in a thousand cases, and not if a bug is planted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from operator import ne
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from contracts.conformance import violations
from sandbox.amberflo import counting, intervals, queries, reports, rules
from sandbox.amberflo.records import CANCEL
from sandbox.metering import aggregate
from tests.sandbox.amberflo.conversation import Conversation
from tests.sandbox.amberflo.examples import ASKED, NOW, RECORDS, SWITCHES
from tests.sandbox.amberflo.model import Asked, Sent, expected
from tests.sandbox.amberflo.test_robustness import JSON

TALK = Conversation()
EXAMPLES = st.tuples(RECORDS, ASKED, SWITCHES, st.booleans())
Example = tuple[list[Sent], Asked, dict[str, str], bool]


def ingest(talk: Conversation, sent: list[Sent]) -> None:
    """Some of it sent twice, as retries do, and some taken back."""
    for batch in (sent[::2], sent):
        talk.ask("POST", "/ingest", [one.wire() for one in batch])
    marks = [
        one.wire() | {"dimensions": one.dimensions | {CANCEL: "true"}}
        for one in sent
        if one.cancelled
    ]
    talk.ask("POST", "/ingest", marks)


def wire(asked: Asked) -> dict[str, Any]:
    """The query as it is sent."""
    end = {} if asked.end is None else {"endTimeInSeconds": int(asked.end.timestamp())}
    return {
        "meterApiName": asked.meter,
        "aggregation": asked.how.lower(),
        "timeGroupingInterval": asked.interval,
        "timeRange": {"startTimeInSeconds": int(asked.start.timestamp()), **end},
        "groupBy": list(asked.group_by),
        "filter": asked.filter,
        "take": {"isAscending": asked.ascending, "limit": asked.limit},
    }


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def told(talk: Conversation, asked: Asked, *, sparse: bool) -> list[Any]:
    """What /usage answers, in the model's form."""
    path = "/usage/sparse" if sparse else "/usage"
    reply = talk.exchange("POST", path, wire(asked)).reply
    assert reply.status == 200, reply.body
    answer = json.loads(reply.body, parse_float=Decimal)
    return [
        [at(seconds) for seconds in answer["secondsSinceEpochIntervals"]],
        *(
            (
                group["group"]["groupInfo"],
                Fraction(group["groupValue"]),
                [(at(v["secondsSinceEpochUtc"]), Fraction(v["value"])) for v in group["values"]],
            )
            for group in answer["clientMeters"]
        ),
    ]


def both(example: Example) -> tuple[list[Any], list[Any]]:
    """What /usage says, and what the model says."""
    sent, asked, switches, sparse = example
    talk = TALK.reset(**switches, **{"usage.unknown-field": "nothing"})
    talk.now = NOW
    if asked.unique:
        talk.declare("m1", "active_users", aggregationDimensions=list(asked.unique))
    ingest(talk, sent)
    wanted = expected(asked, sent, NOW, switches, sparse=sparse)
    return told(talk, asked, sparse=sparse), wanted


@settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(EXAMPLES)
def test_usage_is_what_a_plain_model_says(example: Example) -> None:
    """Rules amberflo.usage.* and amberflo.meter.unique, together."""
    said, wanted = both(example)
    assert said == wanted


def in_floats(how: str, values: Any) -> Decimal:
    return Decimal(repr(sum(map(float, values)))) if how == "sum" else EXACT(how, values)


EXACT: Callable[..., Decimal] = aggregate
FLOOR, AFTER, FIND = intervals.floor, intervals.after, intervals.Slots.find
FITS, CHOSEN, COUNTED = reports._fits, reports._chosen, rules.State.counted
BUGS: dict[str, list[tuple[Any, str, Any]]] = {
    "floats are added up": [(reports, "aggregate", in_floats)],
    "weeks begin on another day": [(intervals, "BEGINS", {"monday": 0, "sunday": 259_200})],
    "months have 30 days": [
        (
            module,
            "after",
            lambda start, unit: start + 2_592_000 if unit == "MONTH" else AFTER(start, unit),
        )
        for module in (intervals, queries)
    ],
    "days are local": [
        (module, "floor", lambda s, unit, week: FLOOR(s, unit, week) - 3_600 * (unit == "DAY"))
        for module in (intervals, queries)
    ],
    "times are rounded": [(intervals.Slots, "find", lambda slots, ms: FIND(slots, ms + 1_800_000))],
    "what was cancelled counts": [
        (rules.State, "counted", lambda state: [r for kept in state.kept for r in kept])
    ],
    "one field that fits is enough": [
        (
            reports,
            "_fits",
            lambda q, r: (
                not q.filter or any(counting.value_of(r, n) in w for n, w in q.filter.items())
            ),
        )
    ],
    "only the first dimension tells apart": [
        (
            counting.Meter,
            "identity",
            lambda meter, r: counting.value_of(r, meter.shown["aggregationDimensions"][0]),
        )
    ],
    "totals are the sums of their slots": [
        (reports, "_chosen", lambda q, groups: [total(q, g) for g in CHOSEN(q, groups)])
    ],
}


def total(query: Any, group: Any) -> Any:
    group.total = sum((EXACT(query.how, v) for v in group.values.values()), Decimal())
    return group


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, name, wrong in BUGS[bug]:
        monkeypatch.setattr(place, name, wrong)
    generate = settings(
        max_examples=1_000, database=None, derandomize=True, phases=[Phase.generate], deadline=None
    )
    find(EXAMPLES, lambda example: ne(*both(example)), settings=generate)


QUERY = st.fixed_dictionaries(
    {},
    optional={
        "meterApiName": st.sampled_from(["m1", "m2"]) | JSON,
        "aggregation": st.sampled_from(["SUM", "min", "UNIQUE"]) | JSON,
        "timeGroupingInterval": st.sampled_from(["HOUR", "week", "MONTH"]) | JSON,
        "timeRange": st.fixed_dictionaries(
            {"startTimeInSeconds": st.integers(0, 2**35) | JSON},
            optional={"endTimeInSeconds": st.integers(0, 2**35) | JSON},
        )
        | JSON,
        "groupBy": st.lists(st.sampled_from(["customerId", "region", ""]), max_size=2) | JSON,
        "filter": st.dictionaries(st.text(max_size=3), st.lists(st.text(max_size=3)) | JSON) | JSON,
        "take": st.fixed_dictionaries({}, optional={"limit": JSON, "isAscending": JSON}) | JSON,
        "rescaleFunction": JSON,
        "other": JSON,
    },
)
PATHS = ["/usage", "/usage/batch", "/usage/sparse", "/usage/sparse/batch"]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(PATHS), QUERY | st.lists(QUERY, max_size=2) | JSON, st.booleans())
def test_any_query_is_answered_or_refused(path: str, body: Any, records: bool) -> None:
    talk = TALK.reset()
    if records:
        large = {"uniqueId": "a", "customerId": "acme", "meterApiName": "m1", "meterValue": 1.7e308}
        talk.ask("POST", "/ingest", [large | {"meterTimeInMillis": n} for n in (-(2**63), 1, 2)])
    exchange = talk.exchange("POST", path, body)
    assert exchange.reply.status in (200, 400)
    if exchange.reply.status == 400:
        assert exchange.findings
    endpoint = talk.account.room.contract.endpoint(exchange.endpoint or "")
    schema = endpoint.responses[exchange.reply.status]
    assert schema is not None
    assert violations(json.loads(exchange.reply.body), schema, rule="answer") == []


@pytest.mark.parametrize("aggregation", ["SUM", "MAX"])
def test_what_no_double_holds_is_answered_with_all_its_digits(aggregation: str) -> None:
    talk = TALK.reset()
    huge = {"customerId": "a", "meterApiName": "m1", "meterTimeInMillis": 1, "meterValue": 1.7e308}
    talk.ask("POST", "/ingest", [huge | {"uniqueId": str(n)} for n in range(2)])
    query = {
        "meterApiName": "m1",
        "aggregation": aggregation,
        "timeRange": {"startTimeInSeconds": 0},
    }
    reply = talk.exchange("POST", "/usage", query).reply
    [group] = json.loads(reply.body, parse_float=Decimal)["clientMeters"]
    assert Decimal(group["groupValue"]) == Decimal("1.7e308") * (2 if aggregation == "SUM" else 1)
