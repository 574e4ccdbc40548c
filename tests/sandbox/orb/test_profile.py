"""Profile `contract`: the official client, called as its own test-suite calls it, with made-up ids
and old times, gets typed answers and no error."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orb
import pytest
from pydantic import BaseModel

from contracts.reader import read
from sandbox.app import Options, Sandbox, create_app
from sandbox.server import Running

THEN = datetime(2019, 12, 27, 18, 11, 19, 117_000, tzinfo=UTC)
BOTH: Any = {"customer_id": "customer_id", "external_customer_id": "external_customer_id"}
OLD: Any = {
    "event_name": "event_name",
    "idempotency_key": "idempotency_key",
    "properties": {},
    "timestamp": THEN,
}
EVENT: Any = {**OLD, **BOTH}
FRAME: Any = {"timeframe_start": THEN, "timeframe_end": THEN}
CUSTOMER: Any = {
    "email": "dev@stainless.com",
    "external_customer_id": "external_customer_id",
    "metadata": {"foo": "string"},
    "additional_emails": ["dev@stainless.com"],
    "payment_provider": "quickbooks",
    "hierarchy": {"child_customer_ids": ["string"], "parent_customer_id": "parent_customer_id"},
}
MADE_UP: Any = {"created_at_gt": THEN, "created_at_lte": THEN, "cursor": "cursor", "limit": 1}
PAGE: Any = {"cursor": "cursor", "limit": 1}
URL = "https://127.0.0.1:9/"

Ask = Callable[[orb.Orb], Any]
ASKED: dict[str, Ask] = {
    "ping": lambda c: c.top_level.ping(),
    "ingest": lambda c: c.events.ingest(events=[EVENT], backfill_id="backfill_id"),
    "search-events": lambda c: c.events.search(event_ids=["string"], **FRAME),
    "fetch-event-volume": lambda c: c.events.volume.list(**FRAME, **PAGE),
    "amend-event": lambda c: c.events.update(
        "event_id", event_name="event_name", properties={}, timestamp=THEN, **BOTH
    ),
    "deprecate-event": lambda c: c.events.deprecate("event_id"),
    "create-backfill": lambda c: c.events.backfills.create(
        **FRAME,
        **BOTH,
        close_time=THEN,
        deprecation_filter="my_numeric_property > 100 AND my_other_property = 'bar'",
    ),
    "list-backfills": lambda c: c.events.backfills.list(**PAGE),
    "fetch-backfill": lambda c: c.events.backfills.fetch("backfill_id"),
    "close-backfill": lambda c: c.events.backfills.close("backfill_id"),
    "revert-backfill": lambda c: c.events.backfills.revert("backfill_id"),
    "create-customer": lambda c: c.customers.create(name="x", **CUSTOMER),
    "list-customers": lambda c: c.customers.list(**MADE_UP),
    "fetch-customer": lambda c: c.customers.fetch("customer_id"),
    "fetch-customer-by-external-id": lambda c: c.customers.fetch_by_external_id("en/cus/?1500"),
    "update-customer": lambda c: c.customers.update("customer_id", **CUSTOMER),
    "update-customer-by-external-id": lambda c: c.customers.update_by_external_id("id", **CUSTOMER),
    "delete-customer": lambda c: c.customers.delete("customer_id"),
    "create-metric": lambda c: c.metrics.create(
        description="Sum of bytes downloaded in fast mode",
        item_id="item_id",
        name="Bytes downloaded",
        sql="SELECT sum(bytes_downloaded) FROM events",
    ),
    "list-metrics": lambda c: c.metrics.list(**MADE_UP),
    "fetch-metric": lambda c: c.metrics.fetch("metric_id"),
    "update-metric": lambda c: c.metrics.update("metric_id", metadata={"foo": "string"}),
    "archive-metric": lambda c: c.metrics.archive("metric_id"),
    "unarchive-metric": lambda c: c.metrics.unarchive("metric_id"),
    "create-webhook-endpoint": lambda c: c.webhook_endpoints.create(url=URL),
    "list-webhook-endpoints": lambda c: c.webhook_endpoints.list(**PAGE),
    "fetch-webhook-endpoint": lambda c: c.webhook_endpoints.retrieve("endpoint_id"),
    "update-webhook-endpoint": lambda c: c.webhook_endpoints.update("endpoint_id", url=URL),
    "delete-webhook-endpoint": lambda c: c.webhook_endpoints.delete("endpoint_id"),
    "enable-webhook-endpoint": lambda c: c.webhook_endpoints.enable("endpoint_id"),
    "disable-webhook-endpoint": lambda c: c.webhook_endpoints.disable("endpoint_id"),
}
EMPTY = ("delete-customer", "delete-webhook-endpoint")
ENDPOINTS = [endpoint.name for endpoint in read("orb").endpoints]


@pytest.fixture(scope="module")
def house() -> Sandbox:
    return create_app(Options(vendors=["orb"], profile="contract"))


@pytest.fixture(scope="module")
def mild(house: Sandbox) -> Iterator[Running]:
    with Running(house) as running:
        yield running


def client(server: Running, key: str) -> orb.Orb:
    return orb.Orb(
        api_key=key,
        base_url=f"{server.url}/orb/v1",
        max_retries=0,
        _strict_response_validation=True,
    )


def typed(answer: Any) -> None:
    """A model of the client's with every field it must have, to the last one inside."""
    assert isinstance(answer, BaseModel)
    type(answer).model_validate(answer.model_dump(mode="python", by_alias=True))


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_made_up_call_gets_a_typed_answer(house: Sandbox, mild: Running, name: str) -> None:
    key = uuid.uuid4().hex
    with client(mild, key) as asked:
        answer = ASKED[name](asked)
    exchange = house.accounts.open("orb", key).journal.get(1)
    assert exchange is not None
    assert exchange.endpoint == name
    if name in EMPTY:
        assert answer is None
    else:
        typed(answer)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_the_same_call_twice_is_no_error_either(mild: Running, name: str) -> None:
    with client(mild, uuid.uuid4().hex) as asked:
        for _ in range(2):
            ASKED[name](asked)


def test_a_made_up_id_is_echoed_and_the_rule_is_told(house: Sandbox, mild: Running) -> None:
    key = uuid.uuid4().hex
    with client(mild, key) as asked:
        assert asked.customers.fetch("nobody").id == "nobody"
        assert asked.customers.fetch_by_external_id("en/cus/?1").external_customer_id == "en/cus/?1"
        assert list(asked.customers.list(cursor="cursor")) == []
    rules = [f.rule for e in house.accounts.open("orb", key).journal.after(0) for f in e.findings]
    assert rules == ["orb.customer.not-found", "orb.customer.not-found", "orb.list.cursor"]


def test_a_made_up_event_is_answered_and_not_billed(house: Sandbox, mild: Running) -> None:
    key = uuid.uuid4().hex
    with client(mild, key) as asked:
        assert asked.events.ingest(events=[EVENT]).validation_failed == []
    account = house.accounts.open("orb", key)
    [entry] = account.ledger.entries()
    assert (entry.outcome, entry.rule) == ("rejected", "orb.ingest.one-customer")
    assert account.ledger.totals() == []


def test_a_customer_that_is_there_is_the_one_that_is_answered(mild: Running) -> None:
    with client(mild, uuid.uuid4().hex) as asked:
        made = asked.customers.create(name="Acme", email="billing@acme.test")
        assert asked.customers.fetch(made.id).name == "Acme"
