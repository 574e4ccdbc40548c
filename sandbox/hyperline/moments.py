"""Times as events have them, and as Hyperline shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["moment", "read"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1000


def moment(at: datetime) -> str:
    """A time as Hyperline writes it: UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(timestamp: Any) -> datetime | None:
    """The time of an event in any form that ingestion takes, by whatever switch; else None.

    None too for the year 0 and what lies outside the years in UTC, which no datetime can hold.
    """
    try:
        if isinstance(timestamp, int | float):
            return EPOCH + timedelta(seconds=timestamp // SECOND, milliseconds=timestamp % SECOND)
        at = datetime.fromisoformat(timestamp.replace(" Z", "Z"))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
