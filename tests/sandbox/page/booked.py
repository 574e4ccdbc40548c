"""Two days at an account whose ledger has something of everything, names of whom nobody should
trust among it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.browsing import Visit
from tests.sandbox.page.traffic import HOSTILE, Traffic

__all__ = ["BOOKED", "START", "amiss", "booked", "control"]

BOOKED = "page-ledger-0123456789"
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
METERS = ("api_call", "storage_gb", "seat")


def amiss(visit: Visit) -> list[str]:
    """What the browser found wrong, but for requests of a page that was left meanwhile."""
    return [told for told in visit.complaints if not told.startswith("htmx:")]


def control(sent: Traffic, path: str, body: Any = None, method: str = "POST") -> Any:
    """Have something done to the account by the control API."""
    at = f"/_meterbox/accounts/orb/{BOOKED}/{path}"
    return sent.send("-", method, at, json={} if body is None else body).json()


def booked(url: str) -> Traffic:
    """Forty hours of usage, an hour at a time."""
    sent = Traffic(url, BOOKED)
    control(sent, "clock", {"freeze": START.isoformat()})
    for name in ("acme", "globex", HOSTILE[0]):
        new = {"name": name, "email": "a@b.test", "external_customer_id": name}
        sent.send(f"customer {name}", "POST", "/orb/v1/customers", json=new)
    for hour in range(40):
        now = START + timedelta(hours=hour)
        control(sent, "clock", {"freeze": now.isoformat()})
        few = [_event(hour, n, now) for n in range(3 + (hour * 7) % 11)]
        late = [_event(hour, 90 + n, now - timedelta(hours=14)) for n in range(hour % 4 == 3)]
        again = [_event(hour - 1, n, now) for n in range(hour % 3)] if hour else []
        sent.ingest(f"hour {hour}", *few, *again)
        if late:
            sent.ingest(f"late {hour}", *late)
    refused = {**_event(39, 70, now), "event_nmae": "api_call"}
    sent.ingest("refused", refused, _event(39, 71, now))
    sent.ingest("names", *(_named(text, now) for text in HOSTILE))
    return sent


def _event(hour: int, n: int, at: datetime) -> dict[str, Any]:
    return {
        "event_name": METERS[n % len(METERS)],
        "timestamp": at.isoformat(),
        "idempotency_key": f"{hour}-{n}",
        "external_customer_id": ("acme", "globex", "initech")[(n // 3) % 3],
        "properties": {"amount": n},
    }


def _named(text: str, at: datetime) -> dict[str, Any]:
    return {
        **_event(0, 0, at),
        "event_name": text,
        "external_customer_id": text,
        "idempotency_key": f"h {text}",
    }
