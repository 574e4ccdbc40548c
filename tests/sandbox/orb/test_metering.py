"""Declared metrics: what they may be, and that totals are right whatever comes in which order."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.model import BadValue
from sandbox.account import Account
from sandbox.app import Options, create_app
from sandbox.ledger import Ledger
from sandbox.orb.metering import Aggregation, Definition, Metric
from sandbox.orb.rules import State
from sandbox.reply import Effects
from tests.acme import NOW

DECLARED = {"name": "GB", "event_name": "download", "aggregation": "sum", "property": "gb"}


@pytest.fixture
def account() -> Account:
    return create_app(Options(vendors=["orb"])).accounts.open("orb", "key")


def declare(account: Account, **more: Any) -> Any:
    asked = {name: value for name, value in {**DECLARED, **more}.items() if value is not None}
    return account.room.dashboard["declare-metric"](account, asked, NOW)


def test_what_is_declared_is_answered_as_a_metric(account: Account) -> None:
    told = declare(account, filter={"region": "it's", "fast": True, "n": 1.50})
    assert (told["name"], told["status"], told["counts"]) == ("GB", "active", "sum")
    assert told["sql"] == (
        "SELECT sum(gb) FROM events WHERE event_name = 'download' "
        "AND region = 'it''s' AND fast = true AND n = 1.5"
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": None}, "name: None is not text"),
        ({"name": ""}, "name: '' is not text"),
        ({"event_name": 7}, "event_name: 7 is not text"),
        ({"aggregation": "avg"}, "aggregation: 'avg' is not one of count, sum, max, unique"),
        ({"aggregation": None}, "aggregation: None is not one of"),
        ({"aggregation": ["sum"]}, "is not one of"),
        ({"property": None}, "property: None is not text"),
        ({"aggregation": "count"}, "property: 'gb' is not wanted"),
        ({"filter": [1]}, "is not an object"),
        ({"filter": {"a": {}}}, "is not an object"),
        ({"filter": {"a": [1]}}, "is not an object"),
        ({"unit": "GB"}, "unit: 'GB' is not an argument"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_and_declares_nothing(
    account: Account, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadValue) as told:
        declare(account, **wrong)
    assert said in str(told.value)
    assert (account.state.metrics, account.state.declared) == ({}, False)


def test_a_metric_is_declared_once(account: Account) -> None:
    declare(account)
    with pytest.raises(BadValue, match="not declared yet"):
        declare(account, aggregation="max")


def test_nothing_is_declared_once_the_ledger_has_dropped_entries(account: Account) -> None:
    account.ledger.dropped = 1
    with pytest.raises(BadValue, match="dropped"):
        declare(account)


@pytest.mark.parametrize("wrong", [{}, {"customer_id": "nobody"}, {"customer_id": [1]}, {"x": 1}])
def test_an_invoice_is_issued_to_a_customer_that_there_is(account: Account, wrong: Any) -> None:
    with pytest.raises(BadValue, match="that of a customer"):
        account.room.dashboard["issue-invoice"](account, wrong, NOW)


VALUES = st.one_of(
    st.integers(-5, 5),
    st.sampled_from([0.1, 0.2, 1.0, 2.5, -0.1, 9007199254740993]),
    st.sampled_from(["", "a", "1", True, False]),
)
EVENTS = st.fixed_dictionaries(
    {
        "event_name": st.sampled_from(["x", "y"]),
        "external_customer_id": st.sampled_from(["c1", "c2"]),
        "properties": st.dictionaries(st.sampled_from(["p", "q"]), VALUES),
    }
)
DEFINITIONS = st.builds(
    Definition,
    st.sampled_from(["x", "y"]),
    st.dictionaries(st.just("q"), VALUES, max_size=1),
    st.sampled_from(["count", "sum", "max", "unique"]),
    st.just("p"),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ingest"), st.lists(EVENTS, min_size=1, max_size=3)),
        st.tuples(st.just("remove"), st.integers(0, 20)),
        st.tuples(st.just("declare"), DEFINITIONS),
        st.tuples(st.just("ask"), st.none()),
    ),
    max_size=25,
)


def kind(value: Any) -> Any:
    """What a value is told apart by: true is not 1, and 1 is 1.0."""
    return (type(value), value) if isinstance(value, bool | str) else ("number", Fraction(value))


def model(events: list[Any], definition: Definition) -> dict[str, Any]:
    """What the metric comes to by customer, worked out in the plainest way."""
    found: dict[str, list[Any]] = {}
    for event in events:
        properties = event["properties"]
        fits = event["event_name"] == definition.event_name and all(
            name in properties and kind(properties[name]) == kind(value)
            for name, value in definition.filter.items()
        )
        value = 1 if definition.aggregation == "count" else properties.get("p")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if fits and value is not None and (number or definition.aggregation == "unique"):
            found.setdefault(event["external_customer_id"], []).append(value)
    return {customer: reckoned(definition.aggregation, v) for customer, v in found.items()}


def reckoned(aggregation: Aggregation, values: list[Any]) -> Fraction:
    if aggregation == "unique":
        return Fraction(len({kind(value) for value in values}))
    exact = [Fraction(str(value)) for value in values]
    return max(exact) if aggregation == "max" else sum(exact, Fraction())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(STEPS)
def test_totals_are_those_of_the_events_that_are_there(steps: list[tuple[str, Any]]) -> None:
    state, ledger = State(), Ledger()
    state.by_external_id |= {"c1": "1", "c2": "2"}
    there: dict[str, Any] = {}
    count = 0
    for name, given_ in steps:
        if name == "ingest":
            sent = [{**event, "idempotency_key": str(count + n)} for n, event in enumerate(given_)]
            count += len(sent)
            there |= {event["idempotency_key"]: event for event in sent}
            for effects in state.accepted(sent):
                ledger.record(1, NOW, effects)
        elif name == "remove" and str(given_) in there:
            gone = there.pop(str(given_))
            ledger.record(1, NOW, Effects("removed", [gone], None, state.usage))
        elif name == "declare":
            meter = f"m{len(state.metrics)}"
            state.metrics[meter] = Metric({"name": meter}, NOW, given_)
            state.declared = True
            ledger.recount()
        check(state, ledger, list(there.values()))


def check(state: State, ledger: Ledger, there: list[Any]) -> None:
    told = {(t.customer, t.meter): Fraction(Decimal(str(t.quantity))) for t in ledger.totals()}
    if not state.declared:
        assert sum(told.values()) == len(there)
        return
    assert told == {
        (customer, meter): quantity
        for meter, metric in state.metrics.items()
        if metric.definition is not None
        for customer, quantity in model(there, metric.definition).items()
    }
