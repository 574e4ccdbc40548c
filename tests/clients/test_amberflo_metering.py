"""Amberflo's own Python client, unmodified but for its root URL."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from metering.customer import CustomerApiClient, create_customer_payload
from metering.exceptions import ApiError
from metering.ingest import IngestApiClient, create_ingest_payload

from sandbox.server import Running


@pytest.fixture
def ingest(server: Running, key: str) -> Iterator[IngestApiClient]:
    client = IngestApiClient(key)
    client.client.root_url = f"{server.url}/amberflo"
    yield client
    client.client.session.close()


@pytest.fixture
def customers(server: Running, key: str) -> Iterator[CustomerApiClient]:
    client = CustomerApiClient(key)
    client.client.root_url = f"{server.url}/amberflo"
    yield client
    client.client.session.close()


def meter(unique_id: str, value: float = 2.5) -> dict[str, object]:
    payload: dict[str, object] = create_ingest_payload(
        meter_api_name="api-calls",
        meter_value=value,
        meter_time_in_millis=int(time.time() * 1000),
        customer_id="c1",
        dimensions={"region": "us-east-1"},
        unique_id=unique_id,
    )
    return payload


def test_what_it_ingests_is_billed_and_a_repetition_is_not(
    ingest: IngestApiClient,
    customers: CustomerApiClient,
    server: Running,
    http: httpx.Client,
    key: str,
) -> None:
    """Its bodies are gzip."""
    customers.add(create_customer_payload("c1", "Acme"))
    records = [meter("a"), meter("b")]
    assert "ingested" in ingest.send(records)
    ingest.send(records)
    ledger = http.get(f"{server.url}/_meterbox/accounts/amberflo/{key}/ledger").json()
    assert [(t["customer"], t["meter"], t["quantity"]) for t in ledger["totals"]] == [
        ("c1", "api-calls", 5)
    ]


def test_a_customer_it_adds_is_there_again(customers: CustomerApiClient) -> None:
    customers.add(create_customer_payload("c1", "Acme", traits={"plan": "gold"}))
    told = customers.get("c1")
    assert (told["customerId"], told["customerName"]) == ("c1", "Acme")
    assert "c1" in {customer["customerId"] for customer in customers.list()}


def test_a_bad_key_is_its_api_error(server: Running) -> None:
    client = IngestApiClient("bad_key")
    client.client.root_url = f"{server.url}/amberflo"
    with pytest.raises(ApiError):
        client.send([meter("a")])
    client.client.session.close()
