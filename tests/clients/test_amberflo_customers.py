"""Amberflo's own Python client for customers, unmodified but for its root URL."""

from __future__ import annotations

import pytest
from metering.customer import CustomerApiClient, create_customer_payload
from metering.exceptions import ApiError
from metering.session import ApiSession

from sandbox.server import Running


@pytest.fixture
def customers(server: Running, key: str, monkeypatch: pytest.MonkeyPatch) -> CustomerApiClient:
    monkeypatch.setattr(ApiSession, "root_url", f"{server.url}/amberflo")
    return CustomerApiClient(key)


def test_a_customer_that_is_not_there_is_an_empty_object(customers: CustomerApiClient) -> None:
    assert customers.get("nobody") == {}
    assert customers.list() == []


def test_add_or_update_adds_and_then_replaces_the_whole(customers: CustomerApiClient) -> None:
    traits = {"region": "midwest"}
    added = customers.add_or_update(create_customer_payload("c1", "Acme", traits=traits))
    assert (added["id"], added["traits"]) == ("c1", traits)
    updated = customers.add_or_update(create_customer_payload("c1", "Another name"))
    assert (updated["customerName"], updated["traits"]) == ("Another name", {})
    assert updated["createTime"] == added["createTime"]
    assert customers.list() == [updated]
    assert customers.get("c1") == updated


def test_a_customer_can_be_made_in_stripe_as_well(customers: CustomerApiClient) -> None:
    payload = create_customer_payload("c1", "Acme", customer_email="ap@acme.test", enabled=True)
    added = customers.add_or_update(payload, create_in_stripe=True)
    assert added["traits"]["stripeId"].startswith("cus_")
    assert (added["customerEmail"], added["enabled"]) == ("ap@acme.test", True)


def test_a_customer_is_deleted_as_its_own_tests_delete_it(customers: CustomerApiClient) -> None:
    customers.add(create_customer_payload("c1", "Acme"))
    assert customers.client.delete(f"{customers.path}c1")["customerId"] == "c1"
    assert customers.get("c1") == {}
    assert customers.list() == []


def test_what_is_not_a_200_is_its_error(customers: CustomerApiClient) -> None:
    with pytest.raises(ApiError) as caught:
        customers.add({"customerId": "c1"})
    assert caught.value.status_code == 400
    assert "customerName" in str(caught.value)
