"""Prices: exact, the same for the same event, and never in the way of ingestion."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.conformance import violations
from contracts.model import BadValue
from sandbox.acts import perform
from sandbox.hyperline.dashboard import FUNCTIONS
from tests.sandbox.hyperline.conftest import NOW

CALLS = {"name": "calls", "event_type": "api_call", "unit_price": 2}


def declare(desk: Any, **arguments: Any) -> Any:
    act = {"name": "declare-price-group", "arguments": {**CALLS, **arguments}}
    return perform(desk.account, "dashboard", act, NOW)


def event(**record: Any) -> dict[str, Any]:
    return {
        "customer_id": "acme",
        "event_type": "api_call",
        "timestamp": "2026-01-15T12:00:00Z",
        "record": {"id": "1", **record},
    }


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.decimals(0, 10**9, places=12) | st.integers(0, 2**60),
    st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(0, 100, places=4),
)
def test_an_amount_has_every_digit(open_desk, price, size, tax):
    desk = open_desk()
    declare(desk, unit_price=str(price), property="size", tax_rate=str(tax))
    path = "/v1/events/simulate-prices?include_tax=true"
    answer = desk.ask(
        "POST", path, json={"event_type": "api_call", "record": event(size=size)["record"]}
    )
    [told] = json.loads(answer.content, parse_float=Decimal, parse_int=Decimal)["result"]
    with localcontext(prec=2_000):
        amount = Decimal(str(price)) * Decimal(str(size))
        assert told["amount_excluding_tax"] == amount
        assert told["tax_amount"] == amount * Decimal(str(tax)) / 100
        assert told["total_amount"] == amount + told["tax_amount"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"event_type": None},
        {"unit_price": "much"},
        {"unit_price": -1},
        {"unit_price": True},
        {"unit_price": None},
        {"unit_price": "NaN"},
        {"unit_price": "1e999"},
        {"unit_price": []},
        {"property": 1},
        {"currency": "euro"},
        {"customer": "nobody"},
        {"customer": 1},
        {"filter": "brand"},
        {"filter": {"brand": None}},
        {"tax_rate": "-1"},
        {"tax_rate": {}},
        {"product_id": 1},
        {"price": 1},
    ],
)
def test_what_is_no_price_group_is_refused_and_none_is_made(desk, wrong):
    with pytest.raises(BadValue):
        declare(desk, **wrong)
    assert desk.account.state.groups == {}


def test_a_list_of_price_groups_takes_no_arguments(desk):
    with pytest.raises(BadValue):
        FUNCTIONS["price-groups"](desk.account, {"name": "calls"}, NOW)


def test_a_group_that_is_changed_keeps_its_ids(desk):
    first, second = declare(desk), declare(desk, unit_price="0.5")
    assert {**first, "unit_price": None} == {**second, "unit_price": None}
    assert second["unit_price"] == Decimal("0.5")


def test_prices_asked_for_with_an_event_are_told_by_webhook(desk):
    """Rule hyperline.prices.webhook."""
    desk.customer("acme")
    group = declare(desk, unit_price="0.1", tax_rate=20)
    desk.ask("POST", "/v1/events?with_price_calculation=true", json=event())
    [told] = [
        sent.happening for sent in desk.account.state.messages if "price" in sent.happening.type
    ]
    assert told.type == "event.price_calculated"
    looked = desk.ask("GET", "/v1/events/prices", params={"record_id": "1"}).json()
    data = orjson.loads(orjson.dumps(told.data))
    assert [data] == looked
    [price] = data["result"]
    assert price["price_group"] == {"id": group["id"], "name": "calls"}
    assert (price["amount_excluding_tax"], price["total_amount"]) == (0.1, 0.12)


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just("acme")
BODY = st.fixed_dictionaries(
    {},
    optional={
        "customer_id": JSON,
        "event_type": st.just("api_call") | JSON,
        "timestamp": st.just("2026-01-15T12:00:00Z") | JSON,
        "record": st.dictionaries(st.sampled_from(["id", "size"]), JSON) | JSON,
    },
)
QUERY = st.dictionaries(
    st.sampled_from(["include_tax", "product_id", "record_id", "calculation_id", "x"]),
    st.sampled_from(["", "true", "null", "1"]) | st.text(max_size=3),
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    BODY | JSON,
    QUERY,
    st.sampled_from(["ingest-with-prices", "simulate-prices", "list-prices"]),
    st.sampled_from(["null", "omitted", "included"]),
    st.sampled_from(["exact", "whole"]),
)
def test_whatever_is_asked_is_answered_by_the_contract(open_desk, body, query, name, tax, rounding):
    desk = open_desk(**{"prices.tax": tax, "prices.rounding": rounding})
    desk.customer("acme")
    declare(desk, property="size", unit_price="0.3")
    endpoint = desk.account.room.contract.endpoint(name)
    sent = {} if endpoint.method == "GET" else {"json": body}
    answer = desk.ask(endpoint.method, endpoint.paths[0], params=query, **sent)
    assert answer.status_code in (200, 201, 400)
    schema = endpoint.responses[answer.status_code]
    assert violations(answer.json(), schema, rule="answer") == []
    kept = answer.status_code == 201
    assert len(desk.account.state.seen) == sum(desk.billed().values()) == kept
