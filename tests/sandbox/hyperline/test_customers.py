"""What the cases cannot ask: Hyperline's ids, which are new for each customer."""

from typing import Any

import pytest

from contracts.model import BadValue
from sandbox.hyperline.dashboard import FUNCTIONS
from tests.sandbox.hyperline.conftest import NOW

HOSTS = ("ingest.hyperline.co", "sandbox.ingest.hyperline.co", "api.hyperline.co")


def event(customer: str, id: str) -> dict[str, Any]:
    return {
        "customer_id": customer,
        "event_type": "api_call",
        "timestamp": "2026-01-15T12:00:00Z",
        "record": {"id": id},
    }


def test_a_customer_is_billed_as_one_by_either_id(desk):
    acme, nameless = desk.customer("acme"), desk.customer(None)
    for customer, id in [("acme", "1"), (acme, "2"), (nameless, "3")]:
        assert desk.ask("POST", "/v1/events", json=event(customer, id)).status_code == 201
    assert desk.billed() == {("acme", "api_call"): 2, (nameless, "api_call"): 1}


def test_with_identity_by_customer_both_ids_are_one_customer(open_desk):
    desk = open_desk(**{"ingest.identity": "record-id-and-customer"})
    for customer in (desk.customer("acme"), "acme"):
        desk.ask("POST", "/v1/events", json=event(customer, "1"))
    assert desk.billed() == {("acme", "api_call"): 1}


def test_a_customer_is_fetched_by_hyperlines_id(desk):
    given = {"external_id": "acme", "vat_number": "FR123456789"}
    acme = desk.ask("POST", "/v1/customers", json=given).json()
    dropped = {"vat_number", "vat_number_valid", "vat_rate_custom"}
    assert desk.ask("GET", f"/v1/customers/{acme['id']}").json() == acme
    assert desk.ask("GET", f"/v2/customers/{acme['id']}").json() == {
        key: value for key, value in acme.items() if key not in dropped
    }


def test_cursors_lead_through_all_customers_once(desk):
    ids = [desk.customer(None) for _ in range(5)]
    seen, query = [], {"limit": "2"}
    while query:
        page = desk.ask("GET", "/v2/customers", params=query).json()
        seen += [customer["id"] for customer in page["data"]]
        query = {"limit": "2", "cursor": page["next_cursor"]} if page["has_more"] else {}
    assert page["next_cursor"] is None
    assert seen == ids[::-1]


def test_a_new_customer_pushes_nobody_onto_the_next_page(desk):
    ids = [desk.customer(None) for _ in range(3)]
    page = desk.ask("GET", "/v2/customers", params={"limit": "1"}).json()
    desk.customer(None)
    after = {"limit": "5", "cursor": page["next_cursor"]}
    rest = desk.ask("GET", "/v2/customers", params=after).json()
    assert [customer["id"] for customer in rest["data"]] == [ids[1], ids[0]]


def test_ids_can_be_asked_for_by_filter(desk):
    a, b, _ = (desk.customer(None) for _ in "abc")
    found = desk.ask("GET", "/v1/customers", params={"id__in": f"{a},{b}"}).json()
    assert [customer["id"] for customer in found["data"]] == [b, a]


def test_a_replay_makes_no_second_customer(desk):
    key = {"idempotency-key": "a-key-of-some-length"}
    first, again = (desk.ask("POST", "/v1/customers", json={}, headers=key) for _ in "ab")
    assert again.json()["id"] == first.json()["id"]
    assert len(desk.account.state.customers) == 1


@pytest.mark.parametrize("key", ["sk_test_1", "test_bad_1", "prod_", ""])
def test_a_stranger_gets_a_finding(desk, key):
    answer = desk.ask("GET", "/v1/customers", headers={"authorization": f"Bearer {key}"})
    exchange = desk.sandbox.accounts.exchange(answer.headers["x-meterbox-exchange"])
    assert answer.status_code == 401
    assert [finding.rule for finding in exchange.findings] == ["hyperline.auth"]


@pytest.mark.parametrize("host", HOSTS)
def test_every_host_leads_here(desk, host):
    desk.customer("acme")
    url = f"http://{host}/v1/events"
    assert desk.ask("POST", url, json=event("acme", host)).status_code == 201
    assert desk.billed() == {("acme", "api_call"): 1}


def test_a_customer_that_cannot_be_shown_is_not_made(desk):
    body = b'{"custom_properties": {"a": ' + b"[" * 300 + b"]" * 300 + b"}}"
    headers = {"content-type": "application/json"}
    assert desk.ask("POST", "/v1/customers", content=body, headers=headers).status_code == 400
    assert desk.account.state.customers == {}


@pytest.mark.parametrize(
    "arguments", [{"activate": "acme"}, {"activate": "nobody"}, {"activate": 1}, {"other": "x"}]
)
def test_only_a_pending_customer_is_activated(desk, arguments):
    desk.customer("acme")
    with pytest.raises(BadValue):
        FUNCTIONS["pending-customers"](desk.account, arguments, NOW)
    assert list(desk.account.ledger.entries()) == []


def test_a_pending_customer_is_activated_by_either_id(open_desk):
    desk = open_desk(**{"ingest.unknown-customer": "auto-create"})
    for name in ("ghost", "shade"):
        desk.ask("POST", "/v1/events", json=event(name, name))
    ghost, _ = FUNCTIONS["pending-customers"](desk.account, {}, NOW)
    FUNCTIONS["pending-customers"](desk.account, {"activate": ghost["id"]}, NOW)
    assert desk.billed() == {("ghost", "api_call"): 1}
    FUNCTIONS["pending-customers"](desk.account, {"activate": "shade"}, NOW)
    assert desk.billed() == {("ghost", "api_call"): 1, ("shade", "api_call"): 1}


def test_an_answer_says_how_to_activate_a_customer_that_was_made(open_desk):
    desk = open_desk(**{"ingest.unknown-customer": "auto-create"})
    desk.ask("POST", "/v1/events", json=event("ghost", "1"))
    desk.ask("POST", "/v1/customers", json={"external_id": "ghost"})
    *_, exchange = desk.account.journal.after(0)
    assert "pending-customers" in exchange.findings[0].message


def test_the_example_is_taken_from_a_newcomer(desk):
    contract = desk.account.room.contract
    endpoint = contract.endpoint(contract.example["endpoint"])
    answer = desk.ask(endpoint.method, endpoint.paths[0], json=contract.example["json"])
    assert answer.status_code == 201
    desk.ask("POST", "/v1/events", json=event("acme", "1"))
    assert desk.billed() == {("acme", "api_call"): 1}
