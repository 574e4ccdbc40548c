"""Four mistakes in a hundred events: the answer of the vendor, and exactly four findings."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from sandbox.server import Running

INVALID = "https://docs.withorb.com/reference/error-responses#400-request-validation-errors"


def batch(size: int = 100) -> list[dict[str, Any]]:
    at = (datetime.now(UTC) - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    return [
        {
            "event_name": "api_call",
            "timestamp": at,
            "idempotency_key": f"k-{n}",
            "external_customer_id": "acme",
            "properties": {"region": "us-east-1"},
        }
        for n in range(size)
    ]


@pytest.fixture
def answered(
    server: Running, http: httpx.Client, key: str
) -> tuple[httpx.Response, dict[str, Any], dict[str, Any]]:
    """The answer to the batch, its explanation, and the account's ledger."""
    events = batch()
    events[3]["event_nmae"] = events[3].pop("event_name")
    del events[42]["idempotency_key"]
    events[57]["timestamp"] = "yesterday"
    events[58]["event_name"] = 7
    headers = {"authorization": f"Bearer {key}"}
    answer = http.post(f"{server.url}/orb/v1/ingest", json={"events": events}, headers=headers)
    ours = f"{server.url}/_meterbox"
    exchange = http.get(f"{ours}/exchanges/{answer.headers['x-meterbox-exchange']}").json()
    return answer, exchange, http.get(f"{ours}/accounts/orb/{key}/ledger").json()


def test_the_vendor_answers_in_its_own_words(answered: tuple[httpx.Response, Any, Any]) -> None:
    answer = answered[0]
    assert answer.status_code == 400
    told = answer.json()
    assert (told["type"], told["status"]) == (INVALID, 400)
    assert [failed["idempotency_key"] for failed in told["validation_failed"]] == [
        "k-3",
        None,
        "k-57",
        "k-58",
    ]


def test_there_are_exactly_four_findings(answered: tuple[Any, dict[str, Any], Any]) -> None:
    told = answered[1]
    assert told["verdict"] == "refused"
    assert [(f["path"], f["value"], f["rule"], f["suggestion"]) for f in told["findings"]] == [
        ("$.events[3].event_nmae", "api_call", "orb.ingest.structure", "event_name"),
        ("$.events[42]", told["findings"][1]["value"], "orb.ingest.structure", None),
        ("$.events[57].timestamp", "yesterday", "orb.ingest.timestamp", None),
        ("$.events[58].event_name", 7, "orb.ingest.structure", None),
    ]
    assert told["findings"][1]["message"] == "'idempotency_key' is a required property"
    assert all(f["source"] and f["confidence"] for f in told["findings"])


def test_no_event_of_the_batch_is_billed(answered: tuple[Any, Any, dict[str, Any]]) -> None:
    told = answered[2]
    assert told["totals"] == []
    assert {entry["outcome"] for entry in told["entries"]} == {"rejected"}
    assert len(told["entries"]) == 100


def test_five_hundred_and_one_broken_events_are_diagnosed_quickly(
    server: Running, http: httpx.Client, key: str
) -> None:
    events = [{**event, "timestamp": 7, "propertis": {}} for event in batch(501)]
    headers = {"authorization": f"Bearer {key}"}
    answer = http.post(f"{server.url}/orb/v1/ingest", json={"events": events}, headers=headers)
    assert answer.status_code == 400
    assert answer.elapsed.total_seconds() < 3
