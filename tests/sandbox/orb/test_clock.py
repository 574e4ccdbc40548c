"""Orb's grace period moves with the account's clock."""

from datetime import datetime, timedelta
from typing import Any

import httpx

from sandbox.server import Running


def test_an_event_of_twelve_hours_ago_is_late_once_the_clock_is_thirteen_hours_on(
    server: Running, key: str
) -> None:
    """As it would be at Orb the next morning: the refusal is Orb's own text."""
    account = f"{server.url}/_meterbox/accounts/orb/{key}"
    now = httpx.post(f"{account}/clock", json={"freeze": "2026-01-15T12:00:00Z"}).json()["now"]
    event: dict[str, Any] = {
        "event_name": "api_call",
        "timestamp": (datetime.fromisoformat(now) - timedelta(hours=12)).isoformat(),
        "idempotency_key": "k-1",
        "external_customer_id": "acme",
        "properties": {},
    }
    auth = {"authorization": f"Bearer {key}"}
    ingest = f"{server.url}/orb/v1/ingest"
    assert httpx.post(ingest, json={"events": [event]}, headers=auth).status_code == 200
    httpx.post(f"{account}/clock", json={"advance": "13h"})
    late = {"events": [{**event, "idempotency_key": "k-2"}]}
    answer = httpx.post(ingest, json=late, headers=auth)
    assert answer.status_code == 400
    assert answer.json()["validation_errors"] == [
        {
            "idempotency_key": "k-2",
            "validation_errors": [
                "Event timestamp 2026-01-15T00:00:00+00:00 must be later than "
                "2026-01-15T13:00:00+00:00 based on account grace period"
            ],
        }
    ]
