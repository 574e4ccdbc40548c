"""Orb refuses what is older than the account's grace period (rule orb.ingest.grace-period).

A backfill takes it (rules orb.backfill.window and orb.backfill.reflected).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import orjson

from translators.request import VendorRequest

__all__ = ["LONGEST", "RULE", "closing", "moment", "opened", "opening", "within"]

RULE = "orb.ingest.grace-period"
LONGEST = timedelta(days=30)
"""Less than the 31 days that a timeframe may have (rule orb.backfill.longest)."""
STEP = timedelta(milliseconds=1)
LEFT_OPEN = timedelta(hours=1)
"""After which a backfill that nobody closed closes by itself (rule orb.backfill.close-time)."""


def moment(request: VendorRequest) -> datetime | None:
    """When the usage of a request was; None where that cannot be told."""
    if request.endpoint != "ingest":
        return None
    try:
        at = datetime.fromisoformat(request.body["events"][0]["timestamp"])
    except ValueError:
        return None
    return None if at.tzinfo is None else at


def opening(moments: Sequence[datetime], now: datetime) -> VendorRequest:
    """A backfill for usage of these times that replaces nothing."""
    body = {
        "timeframe_start": min(moments).isoformat(),
        "timeframe_end": (max(moments) + STEP).isoformat(),
        "close_time": (now + LEFT_OPEN).isoformat(),
        "replace_existing_events": False,
    }
    return VendorRequest("orb", "create-backfill", "POST", "/v1/events/backfills", body)


def opened(answer: bytes) -> str | None:
    """The id of the backfill that was made; None where the answer tells none."""
    try:
        id = orjson.loads(answer)["id"]
    except (ValueError, TypeError, LookupError):
        return None
    return id if isinstance(id, str) else None


def within(request: VendorRequest, id: str) -> VendorRequest:
    """The request, for that backfill."""
    return replace(request, path=f"{request.path}?backfill_id={id}")


def closing(id: str) -> VendorRequest:
    return VendorRequest("orb", "close-backfill", "POST", f"/v1/events/backfills/{id}/close", {})
