"""What aggregators bill, held against the plainest model there is; and what formulas say."""

from decimal import Decimal
from fractions import Fraction
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.hyperline.metering import Counted, computed

OF = {
    "count(*)": lambda values: len(values),
    "count(size)": lambda values: len([v for v in values if v is not None]),
    "sum(size)": lambda values: sum(Fraction(str(v)) for v in values if number(v)),
    "min(size)": lambda values: min(Fraction(str(v)) for v in values if number(v)),
    "max(size)": lambda values: max(Fraction(str(v)) for v in values if number(v)),
    "count(distinct size)": lambda values: len({(type(v) is str, v) for v in values}),
}
SIZES = st.none() | st.sampled_from([0.1, 0.2, 1, 1.0, 2.5, -3, "1", "x", 1e300, 123456789012345])
EVENTS = st.tuples(
    st.sampled_from(["acme", "globex"]),
    st.sampled_from("abc"),
    SIZES,
    st.sampled_from(["eu", "us"]),
)


def number(value: object) -> bool:
    return isinstance(value, int | float)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(EVENTS, max_size=12), st.sampled_from(sorted(OF)), st.booleans(), st.integers(0, 12)
)
def test_an_aggregator_bills_what_the_model_says(open_desk, sent, formula, filtered, after):
    desk = open_desk()
    for name in ("acme", "globex"):
        desk.customer(name)
    for customer, id, size, region in sent[:after]:
        send(desk, customer, id=id, size=size, region=region)
    aggregate(desk, formula, filtered)
    for customer, id, size, region in sent[after:]:
        send(desk, customer, id=id, size=size, region=region)
    kept = {id: (customer, size, region) for customer, id, size, region in sent}
    assert {place: Fraction(str(q)) for place, q in desk.billed().items()} == expected(
        kept.values(), formula, filtered
    )


def test_a_filter_by_very_many_values_keeps_nobody_waiting(desk):
    desk.customer("acme")
    field = {"property": "x", "operator": "in", "value": ["a"] * 100_000 + ["b"]}
    where = {"conditional": "and", "fields": [field]}
    body = {"entity": "a", "operation": "count", "where": where}
    assert desk.ask("POST", "/v1/aggregators", json=body).status_code == 201
    event = {"customer_id": "acme", "event_type": "a", "timestamp": 0}
    batch = [{**event, "record": {"id": n, "x": "b"}} for n in range(1_000)]
    began = process_time()
    assert desk.ask("POST", "/v1/events/batch", json=batch).status_code == 201
    assert desk.billed() == {("acme", "a"): 1_000}
    assert process_time() - began < 10


def send(desk, customer, **record):
    event = {"customer_id": customer, "event_type": "a", "timestamp": 0, "record": record}
    assert desk.ask("POST", "/v1/events", json=event).status_code == 201


def aggregate(desk, formula, filtered):
    """Create an aggregator; a filtered one counts what is of region eu."""
    field = {"property": "region", "operator": "equals", "value": "eu"}
    body = {
        "entity": "a",
        "operation": "formula",
        "formula_sql": formula,
        "where": {"conditional": "and", "fields": [field]} if filtered else None,
        "allow_negative_values": True,
    }
    assert desk.ask("POST", "/v1/aggregators", json=body).status_code == 201


def expected(kept, formula, filtered):
    """What each customer comes to, if any of its events counts."""
    by_customer: dict[str, list[object]] = {}
    for customer, size, region in kept:
        counts = formula == "count(*)" or (
            size is not None and (formula.startswith("count") or number(size))
        )
        if counts and (region == "eu" or not filtered):
            by_customer.setdefault(customer, []).append(size)
    return {(customer, "a"): OF[formula](sizes) for customer, sizes in by_customer.items()}


def test_a_sum_is_exact(desk):
    desk.customer("acme")
    body = {"entity": "a", "operation": "sum", "property": "size"}
    desk.ask("POST", "/v1/aggregators", json=body)
    for id in "abc":
        send(desk, "acme", id=id, size=0.1)
    assert desk.billed() == {("acme", "a"): Decimal("0.3")}


@pytest.mark.parametrize(
    ("formula", "counted"),
    [
        ("count(*)", Counted("count")),
        (" COUNT ( * ) ", Counted("count")),
        ("count(distinct user_id)", Counted("unique", "user_id")),
        ("Count(DISTINCT userId)", Counted("unique", "userId")),
        ("max(seats)", Counted("max", "seats")),
        ("avg(seats)", None),
        ("max(*)", None),
        ("sum(a) + sum(b)", None),
        ("sum(distinct a)", None),
        ("sum(a.b)", None),
        ("sum('a')", None),
        ("greatest(sum(a), 5)", None),
        ("", None),
    ],
)
def test_one_function_of_one_property_is_worked_out(formula, counted):
    shown = {"operation": "formula", "property": None, "formula_sql": formula}
    assert computed(shown) == counted
