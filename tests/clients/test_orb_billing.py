"""Orb's own Python client, unmodified but for its base URL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orb
import pytest

from sandbox.server import Running


@pytest.fixture
def client(server: Running, key: str) -> Iterator[orb.Orb]:
    with orb.Orb(api_key=key, base_url=f"{server.url}/orb/v1", max_retries=0) as client:
        yield client


def event(**more: Any) -> Any:
    return {
        "event_name": "api_call",
        "timestamp": datetime.now(UTC),
        "idempotency_key": uuid.uuid4().hex,
        "external_customer_id": "acme",
        "properties": {"region": "us-east-1"},
        **more,
    }


def test_it_pings(client: orb.Orb) -> None:
    assert client.top_level.ping().response == "pong"


def test_a_customer_it_creates_is_fetched_by_either_id(client: orb.Orb) -> None:
    made = client.customers.create(
        name="Acme", email="billing@acme.test", external_customer_id="acme/1"
    )
    assert client.customers.fetch(made.id) == made
    assert client.customers.fetch_by_external_id("acme/1") == made
    assert made.created_at.tzinfo is not None


def test_what_it_ingests_is_billed_once(
    client: orb.Orb, server: Running, http: httpx.Client, key: str
) -> None:
    client.customers.create(name="Acme", email="a@acme.test", external_customer_id="acme")
    events = [event() for _ in range(3)]
    for _ in range(2):
        assert client.events.ingest(events=events).validation_failed == []
    ledger = http.get(f"{server.url}/_meterbox/accounts/orb/{key}/ledger").json()
    assert ledger["totals"] == [
        {"customer": "acme", "meter": "api_call", "quantity": 3, "events": 3}
    ]


def test_a_customer_nobody_has_is_its_not_found(client: orb.Orb) -> None:
    with pytest.raises(orb.ResourceNotFound):
        client.customers.fetch("nobody")


def test_a_wrong_event_is_its_validation_error(client: orb.Orb) -> None:
    with pytest.raises(orb.RequestValidationError) as caught:
        client.events.ingest(events=[event(timestamp="yesterday")])
    assert caught.value.status_code == 400


def test_a_taken_external_id_is_its_duplicate_creation(client: orb.Orb) -> None:
    client.customers.create(name="Acme", email="a@acme.test", external_customer_id="acme")
    with pytest.raises(orb.DuplicateResourceCreation):
        client.customers.create(name="Acme", email="b@acme.test", external_customer_id="acme")


def test_a_bad_key_is_its_authentication_error(server: Running) -> None:
    with (
        orb.Orb(api_key="bad_key", base_url=f"{server.url}/orb/v1", max_retries=0) as client,
        pytest.raises(orb.OrbAuthenticationError),
    ):
        client.top_level.ping()


def test_its_retry_after_a_lost_reply_bills_once(
    server: Running, http: httpx.Client, key: str
) -> None:
    """It sends an Idempotency-Key of its own, and the same one when it tries again."""
    ours = f"{server.url}/_meterbox/accounts/orb/{key}"
    http.post(f"{ours}/faults", json={"kind": "lost-reply", "endpoint": "ingest"})
    http.patch(f"{ours}/settings", json={"orb.ingest.unknown-external-customer": "billed"})
    with orb.Orb(api_key=key, base_url=f"{server.url}/orb/v1", max_retries=1) as client:
        client.events.ingest(events=[event()])
    first, again = http.get(f"{ours}/exchanges").json()["exchanges"]
    assert (first["rules"], again["rules"]) == ([], ["orb.idempotency"])
    [total] = http.get(f"{ours}/ledger").json()["totals"]
    assert total["quantity"] == 1
