"""Departures as values: the two validators agree, and every finding leads to its place and rule."""

import time
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts.cases import read_cases, render
from contracts.conformance import _validator as reference
from contracts.conformance import json_path, violations
from contracts.model import Violation
from contracts.reader import read, read_folder, vendors
from contracts.schema import Schema
from tests.acme import HERE, usage

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def usage_schema() -> Schema:
    schema = read_folder(HERE).endpoint("record-usage").request
    assert schema is not None
    return schema


def found(*events: Any, **more: Any) -> list[Violation]:
    return violations({"events": list(events), **more}, usage_schema(), rule="acme.other")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "x", "7", "2026-01-15T12:00:00Z", "2026-01-15T23:59:60Z", "\0", "a" * 600]
    ),
    st.just([]),
    st.just({}),
    st.just([None]),
)


TIMES = st.integers(0, 2)
HOW = st.sampled_from(["replace", "remove", "add"])


def places(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: Any = ()
    if isinstance(node, dict):
        inner = node.items()
    elif isinstance(node, list):
        inner = enumerate(node)
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


def changed(body: Any, place: tuple[Any, ...], what: str, value: Any) -> Any:
    """The body with a value replaced, removed, or given a new neighbour."""
    if not place:
        return value
    body = deepcopy(body)
    node = body
    for key in place[:-1]:
        node = node[key]
    if what == "replace":
        node[place[-1]] = value
    elif what == "remove":
        del node[place[-1]]
    elif isinstance(node, dict):
        node[f"{place[-1]}x"] = value
    else:
        node.append(value)
    return body


@st.composite
def right_and_wrong(draw: st.DrawFn, vendor: str) -> Any:
    """A body of the vendor's cases, changed in up to two places."""
    known = bodies(vendor)
    body = known[draw(st.integers(0, len(known) - 1))]
    for _ in range(draw(TIMES)):
        found = places(body)
        place = found[draw(st.integers(0, len(found) - 1))]
        body = changed(body, place, draw(HOW), draw(VALUES))
    return body


@cache
def bodies(vendor: str) -> list[Any]:
    """Every small body the vendor's cases send."""
    told = [
        render(request["json"], now=NOW, run="r")
        for case in read_cases(read(vendor))
        for request in (*(s["request"] for s in case.given if "request" in s), case.request)
        if "json" in request and "$repeat" not in str(request["json"])
    ]
    return told or [{}]


@pytest.mark.parametrize("vendor", vendors())
def test_the_two_validators_agree_on_bodies_right_and_wrong(vendor: str) -> None:
    """Making a body up takes longer than holding it to every schema of the vendor."""
    endpoints = read(vendor).endpoints
    wanted = {id(s): s for e in endpoints for s in (e.request, e.event) if s is not None}
    schemas = list(wanted.values())
    for schema in schemas:
        Draft202012Validator.check_schema(schema.document)

    @settings(
        max_examples=100,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(right_and_wrong(vendor))
    def agree(body: Any) -> None:
        for schema in schemas:
            agreed(schema, body)

    agree()


def agreed(schema: Schema, body: Any) -> None:
    accepted = schema.accepts(body)
    assert reference(schema).is_valid(body) is accepted, (schema.name, body)
    told = violations(body, schema, rule="any")
    assert (told == []) is accepted
    assert all(v.path.startswith("$") and v.message and v.rule for v in told)


@pytest.mark.parametrize(
    ("at", "right"),
    [
        ("2026-01-15T12:00:00Z", True),
        ("2026-01-15t12:00:00.123456789z", True),
        ("2026-01-15T12:00:00+05:30", True),
        ("2026-12-31T23:59:60Z", True),
        ("2024-02-29T00:00:00Z", True),
        ("2026-02-29T00:00:00Z", False),
        ("2026-01-15T12:00:00", False),
        ("2026-01-15 12:00", False),
        ("2026-01-15", False),
        ("2026-13-15T12:00:00Z", False),
        ("2026-01-15T25:00:00Z", False),
        ("1768478400", False),
        ("yesterday", False),
        ("", False),
    ],
)
def test_a_nonsense_timestamp_violates(at: str, right: bool) -> None:
    told = [] if right else [("$.events[0].at", "at is no date and time", "acme.usage.time")]
    assert [(v.path, v.message, v.rule) for v in found(usage(at=at))] == told


def test_what_conforms_has_no_violation() -> None:
    assert found(usage()) == []


@pytest.mark.parametrize(
    ("event", "path", "rule"),
    [
        (usage(quantity=-1), "$.events[1].quantity", "acme.usage.quantity"),
        (usage(customer=7), "$.events[1].customer", "acme.usage.structure"),
        (7, "$.events[1]", "acme.usage.structure"),
    ],
)
def test_a_rule_is_found_through_a_reference(event: Any, path: str, rule: str) -> None:
    assert [(v.path, v.rule) for v in found(usage(), event)] == [(path, rule)]


def test_a_departure_the_schema_names_no_rule_for_has_the_callers() -> None:
    assert [(v.path, v.rule) for v in found(usage(), colour="red")] == [("$.colour", "acme.other")]
    assert [(v.path, v.rule) for v in found()] == [("$.events", "acme.other")]


def test_a_misspelt_key_is_one_finding_that_suggests_the_right_one() -> None:
    event = usage()
    event["custmer"] = event.pop("customer")
    [told] = found(event)
    assert (told.path, told.value, told.suggestion) == ("$.events[0].custmer", "c1", "customer")
    assert told.also == ("'customer' is a required property",)


def test_two_misspelt_keys_are_two_findings() -> None:
    event = usage()
    event["custmer"], event["metr"] = event.pop("customer"), event.pop("meter")
    assert [(v.path, v.suggestion) for v in found(event)] == [
        ("$.events[0].custmer", "customer"),
        ("$.events[0].metr", "meter"),
    ]


def test_an_unknown_key_like_none_suggests_nothing() -> None:
    [told] = found(usage(colour="red"))
    assert (told.path, told.value, told.suggestion) == ("$.events[0].colour", "red", None)


def test_a_known_key_is_not_suggested_where_it_is_already() -> None:
    [told] = found(usage(customers="c1"))
    assert told.suggestion is None


def test_a_missing_key_is_told_at_its_object() -> None:
    event = usage()
    del event["meter"]
    [told] = found(event)
    assert (told.path, told.message) == ("$.events[0]", "'meter' is a required property")


@pytest.mark.parametrize(
    ("value", "suggestion"),
    [("7", "7"), (" 7.5 ", "7.5"), ("-1", "-1"), ("seven", None), ("7e1", None), (None, None)],
)
def test_a_number_as_text_suggests_the_number(value: Any, suggestion: str | None) -> None:
    [told] = found(usage(quantity=value))
    assert (told.value, told.suggestion) == (value, suggestion)


def test_violations_come_in_the_order_of_the_body() -> None:
    told = found(usage(quantity=-1), usage(), usage(at="x", quantity="x"))
    assert [v.path for v in told] == [
        "$.events[0].quantity",
        "$.events[2].quantity",
        "$.events[2].at",
    ]


@pytest.mark.parametrize("count", [501, 5_000])
def test_many_broken_events_are_diagnosed_quickly_and_within_a_bound(count: int) -> None:
    start = time.process_time()
    told = found(*[{"id": 7, "custmer": None} for _ in range(count)])
    assert time.process_time() - start < 3
    assert min(count, 1_000) <= len(told) <= 2_000


def test_a_few_broken_events_among_many_are_found_quickly() -> None:
    events = [usage(str(n)) for n in range(20_000)]
    events[19_999] = usage(quantity=None)
    start = time.process_time()
    assert [v.path for v in found(*events)] == ["$.events[19999].quantity"]
    assert time.process_time() - start < 2


def test_a_long_message_is_cut() -> None:
    [told] = found(usage(quantity="x" * 10_000))
    assert len(told.message) == 500
    assert told.message.endswith("…")


def test_a_violation_reads_in_one_line() -> None:
    [told] = found(usage(quantity="7"))
    assert str(told) == (
        "$.events[0].quantity: '7' is not of type 'number'; did you mean '7'? [acme.usage.quantity]"
    )


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ([], "$"),
        (["events", 3, "name"], "$.events[3].name"),
        (["a b"], "$['a b']"),
        (["it's"], '$["it\'s"]'),
        (["a-b", "$c", "_d"], "$.a-b.$c._d"),
        (["0"], "$['0']"),
    ],
)
def test_a_path_is_written_as_json_path(parts: list[str | int], path: str) -> None:
    assert json_path(parts) == path
