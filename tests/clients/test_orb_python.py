"""Orb's official Python client, unmodified and strict about answers, over the whole surface."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import orb
import pytest

from contracts.reader import read
from sandbox.account import Account
from sandbox.faults import Fault

HOUR = timedelta(hours=1)
SQL = "SELECT sum(bytes) FROM events WHERE speed = 'fast'"


def made(base_url: str, key: str, kind: Any = orb.Orb, **options: Any) -> Any:
    """A client as a team makes one, but strict, and not patient."""
    options = {"max_retries": 0, **options}
    return kind(api_key=key, base_url=base_url, _strict_response_validation=True, **options)


@pytest.fixture
def client(base_url: str, account: Account) -> Iterator[orb.Orb]:
    with made(base_url, account.key) as client:
        yield client


def event(account: Account, key: str, ago: timedelta = timedelta(), **properties: Any) -> Any:
    return {
        "event_name": "download",
        "idempotency_key": key,
        "timestamp": account.clock.now() - ago,
        "external_customer_id": "en/cus/?1500",
        "properties": properties,
    }


def acme(client: orb.Orb) -> Any:
    return client.customers.create(
        name="Acme", email="billing@acme.test", external_customer_id="en/cus/?1500"
    )


def billed(account: Account) -> Any:
    return {total.meter: total.quantity for total in account.ledger.totals()}


def test_every_operation_is_walked_and_every_answer_is_typed(
    client: orb.Orb, account: Account
) -> None:
    for walk in (customers, metrics, events, backfills, webhook_endpoints):
        walk(client, account)
    assert client.top_level.ping().response == "pong"
    walked = {exchange.endpoint for exchange in account.journal.after(0)}
    assert walked == {endpoint.name for endpoint in read("orb").endpoints}
    assert {exchange.reply.status for exchange in account.journal.after(0)} <= {200, 201, 204}


def customers(client: orb.Orb, account: Account) -> None:
    customer = acme(client)
    assert customer.balance == "0.00"
    assert client.customers.fetch(customer.id) == customer
    assert client.customers.fetch_by_external_id("en/cus/?1500") == customer
    assert client.customers.update(customer.id).name == "Acme"
    changed = client.customers.update_by_external_id("en/cus/?1500", metadata={"a": "b"})
    assert changed.metadata == {"a": "b"}
    child = client.customers.create(
        name="Child", email="c@acme.test", hierarchy={"parent_customer_id": customer.id}
    )
    assert child.hierarchy.parent is not None
    assert child.hierarchy.parent.id == customer.id
    now = account.clock.now()
    listed = client.customers.list(limit=1, created_at_gte=now - HOUR, created_at_lt=now + HOUR)
    assert [one.id for one in listed] == [child.id, customer.id]  # the client turns the pages
    client.customers.delete(child.id)
    gone = client.get(f"/customers/{child.id}", cast_to=object)
    assert gone == {"id": child.id, "deleted": True}


def metrics(client: orb.Orb, account: Account) -> None:
    metric = client.metrics.create(name="Bytes", description=None, item_id="item", sql=SQL)
    assert client.metrics.fetch(metric.id) == metric
    changed = client.metrics.update(metric.id, name="Bytes downloaded", description="fast")
    assert (changed.name, changed.sql) == ("Bytes downloaded", SQL)
    assert client.metrics.archive(metric.id).status == "archived"
    assert list(client.metrics.list(status="active")) == []
    assert client.metrics.unarchive(metric.id).status == "active"
    assert [one.id for one in client.metrics.list(limit=1)] == [metric.id]


def events(client: orb.Orb, account: Account) -> None:
    sent = [event(account, key, HOUR, bytes=n) for n, key in enumerate("abc")]
    assert client.events.ingest(events=sent).validation_failed == []
    now = account.clock.now()
    same: Any = {"external_customer_id": "en/cus/?1500", "event_name": "download"}
    amended = client.events.update("a", timestamp=now - HOUR, properties={"bytes": 7}, **same)
    assert amended.amended == "a"
    assert client.events.deprecate("b").deprecated == "b"
    found = client.events.search(event_ids=["a", "b", "nobody"]).data
    assert [(one.id, one.deprecated, one.properties) for one in found] == [
        ("a", False, {"bytes": 7}),
        ("b", True, {"bytes": 1}),
    ]
    volume = client.events.volume.list(timeframe_start=now - 2 * HOUR)
    assert sum(hour.count for hour in volume.data) >= 1


def backfills(client: orb.Orb, account: Account) -> None:
    now = account.clock.now()
    one, other = (
        client.events.backfills.create(
            timeframe_start=now - days * 24 * HOUR,
            timeframe_end=now - (days - 1) * 24 * HOUR,
            replace_existing_events=False,
        )
        for days in (3, 5)
    )
    old = event(account, "old", 60 * HOUR)
    assert client.events.ingest(events=[old], backfill_id=one.id).validation_failed == []
    assert client.events.backfills.fetch(one.id).events_ingested == 1
    assert client.events.backfills.close(one.id).id == one.id
    account.clock.advance(HOUR)
    assert client.events.backfills.fetch(one.id).status == "reflected"
    assert client.events.backfills.revert(other.id).status == "reverted"
    statuses = [backfill.status for backfill in client.events.backfills.list(limit=1)]
    assert sorted(statuses) == ["reflected", "reverted"]


def webhook_endpoints(client: orb.Orb, account: Account) -> None:
    endpoint = client.webhook_endpoints.create(url="https://127.0.0.1:9/orb")
    id = endpoint.id
    assert endpoint.secret
    assert client.webhook_endpoints.retrieve(id).url == "https://127.0.0.1:9/orb"
    assert client.webhook_endpoints.update(id, url="https://127.0.0.1:9/two").id == id
    assert client.webhook_endpoints.disable(id).id == client.webhook_endpoints.enable(id).id == id
    assert [one.id for one in client.webhook_endpoints.list(limit=1)] == [id]
    client.webhook_endpoints.delete(id)


def test_a_declared_metric_counts_what_the_client_sends(client: orb.Orb, account: Account) -> None:
    acme(client)
    declare = account.room.dashboard["declare-metric"]
    asked = {"name": "Fast", "event_name": "download", "aggregation": "sum", "property": "gb"}
    declare(account, {**asked, "filter": {"speed": "fast"}}, account.clock.now())
    sent = [event(account, str(n), gb=0.1, speed=speed) for n, speed in enumerate(["fast"] * 3)]
    client.events.ingest(events=[*sent, event(account, "slow", gb=5, speed="slow")])
    assert {meter: str(quantity) for meter, quantity in billed(account).items()} == {"Fast": "0.3"}
    assert [(one.name, one.status) for one in client.metrics.list()] == [("Fast", "active")]


def test_totals_asked_for_before_a_change_are_right_after_it(
    client: orb.Orb, account: Account
) -> None:
    def told() -> Any:
        return [(one.customer, one.meter, one.quantity) for one in account.ledger.totals()]

    customer = client.customers.create(name="Acme", email="a@acme.test")
    sent: Any = event(account, "a", gb=2)
    sent |= {"external_customer_id": None, "customer_id": customer.id}
    client.events.ingest(events=[sent])
    assert told() == [(customer.id, "download", 1)]
    client.customers.update(customer.id, external_customer_id="acme")
    assert told() == [("acme", "download", 1)]
    asked = {"name": "GB", "event_name": "download", "aggregation": "sum", "property": "gb"}
    metric = account.room.dashboard["declare-metric"](account, asked, account.clock.now())
    assert told() == [("acme", "GB", 2)]
    client.metrics.update(metric["id"], name="Gigabytes")
    assert told() == [("acme", "Gigabytes", 2)]
    client.customers.delete(customer.id)
    assert told() == []


Ask = Callable[[orb.Orb, Account], Any]


def once(account: Account, **fault: Any) -> None:
    account.faults.add(Fault(**fault))


def limited(client: orb.Orb, account: Account) -> Any:
    account.set("orb.rate-limits", "trial")
    return [acme(client), acme(client)]


def in_flight(client: orb.Orb, account: Account) -> Any:
    once(account, kind="in-flight")
    return acme(client)


def failing(status: int) -> Ask:
    def ask(client: orb.Orb, account: Account) -> Any:
        once(account, kind="status", status=status)
        return client.top_level.ping()

    return ask


REFUSED: dict[str, tuple[int, Ask]] = {
    "RequestValidationError": (400, lambda c, a: c.customers.create(name="", email="x@y.test")),
    "ConstraintViolation": (
        400,
        lambda c, a: c.customers.update(acme(c).id, external_customer_id="another"),
    ),
    "DuplicateResourceCreation": (400, lambda c, a: [acme(c), acme(c)]),
    "OrbAuthenticationError": (401, lambda c, a: c.copy(api_key="bad_key").top_level.ping()),
    "ResourceNotFound": (404, lambda c, a: c.customers.fetch_by_external_id("nobody/here")),
    "URLNotFound": (404, lambda c, a: c.get("/nothing", cast_to=object)),
    "ResourceConflict": (409, in_flight),
    "RequestTooLarge": (
        413,
        lambda c, a: c.events.ingest(events=[event(a, str(n)) for n in range(501)]),
    ),
    "TooManyRequests": (429, limited),
    "OrbInternalServerError": (500, failing(500)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_the_error_class_of_its_type(
    client: orb.Orb, account: Account, name: str
) -> None:
    status, ask = REFUSED[name]
    with pytest.raises(orb.APIStatusError) as told:
        ask(client, account)
    assert (type(told.value).__name__, told.value.status_code) == (name, status)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_every_5xx_is_the_clients_server_error(
    client: orb.Orb, account: Account, status: int
) -> None:
    with pytest.raises(orb.OrbInternalServerError) as told:
        failing(status)(client, account)
    assert told.value.response.headers["transient-error"] == "true"


def test_a_reply_that_is_lost_is_asked_for_again_and_nothing_is_done_twice(
    base_url: str, account: Account
) -> None:
    once(account, kind="lost-reply")
    with made(base_url, account.key, max_retries=2) as patient:
        customer = acme(patient)
    with made(base_url, account.key) as client:
        assert [one.id for one in client.customers.list()] == [customer.id]


def test_a_request_under_way_is_waited_for_by_the_client(base_url: str, account: Account) -> None:
    once(account, kind="in-flight")
    with made(base_url, account.key, max_retries=2) as patient:
        assert acme(patient).name == "Acme"


def test_two_at_once_with_one_key_are_one_customer_and_a_conflict(
    base_url: str, account: Account
) -> None:
    once(account, kind="delay", seconds=0.5)

    async def both() -> Any:
        async with made(base_url, account.key, orb.AsyncOrb) as client:

            def create() -> Any:
                return client.customers.create(
                    name="Acme", email="a@acme.test", idempotency_key="one"
                )

            first = asyncio.ensure_future(create())
            await asyncio.sleep(0.2)
            second = asyncio.ensure_future(create())
            return await asyncio.gather(first, second, return_exceptions=True)

    customer, conflict = asyncio.run(both())
    assert customer.name == "Acme"
    assert isinstance(conflict, orb.ResourceConflict)


def test_the_asynchronous_client_turns_pages_too(base_url: str, account: Account) -> None:
    async def walk() -> list[str]:
        async with made(base_url, account.key, orb.AsyncOrb) as client:
            for name in "abc":
                await client.customers.create(name=name, email="x@y.test")
            return [customer.name async for customer in client.customers.list(limit=2)]

    assert asyncio.run(walk()) == ["c", "b", "a"]
