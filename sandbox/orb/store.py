"""The events that Orb keeps of one account, as they came and as they were changed.

An event that nobody touched stays in the bytes it came in, and is found by its key. One that was
amended, deprecated, backfilled or ingested anew has versions here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from sandbox.clock import parse
from sandbox.orb.filters import Match

__all__ = ["Backfill", "Order", "Store", "Version", "moment", "same"]

Event = dict[str, Any]
Order = tuple[datetime, int]


def moment(text: str) -> datetime | None:
    """A time in UTC; None for what no calendar has."""
    try:
        return parse(text)
    except (ValueError, OverflowError):
        return None


def same(one: Event, other: Event) -> bool:
    """Whether two events are the same JSON; to Python, true is 1."""
    return one == other and _booleans(one) == _booleans(other)


def _booleans(event: Event) -> set[str]:
    return {name for name, value in event["properties"].items() if isinstance(value, bool)}


@dataclass(eq=False)
class Backfill:
    """One backfill. `reflected_at` and `reverted_at` are when it began and ceased to count.

    `due` is when the change now under way is done; `order` is its place among what happened.
    """

    id: str
    created_at: datetime
    start: datetime
    end: datetime
    close_time: datetime
    customer_id: str | None
    replace: bool
    filter: str | None
    matches: Match | None
    status: str = "pending"
    events: int = 0
    due: datetime | None = None
    order: Order | None = None
    reflected_at: datetime | None = None
    reverted_at: datetime | None = None

    def open(self, now: datetime) -> bool:
        """Whether events are taken now."""
        return self.status == "pending" and now < self.close_time

    def active(self, at: datetime | None = None) -> bool:
        """Whether it counted then, or counts now."""
        if at is None:
            return self.status in ("reflected", "pending_revert")
        began, ceased = self.reflected_at, self.reverted_at
        return began is not None and began <= at and (ceased is None or at < ceased)


@dataclass(eq=False, slots=True)
class Version:
    """An event as it was ingested or amended. `until` is when an amendment took its place."""

    id: str
    raw: bytes
    order: Order
    backfill: Backfill | None = None
    amends: bool = False
    until: datetime | None = None

    @property
    def event(self) -> Event:
        event: Event = orjson.loads(self.raw)
        return event

    @property
    def since(self) -> datetime:
        """When it came."""
        return self.order[0]

    @property
    def undone(self) -> bool:
        """Whether it came with a backfill that is reverted."""
        return self.backfill is not None and self.backfill.status == "reverted"

    def shown(self, at: datetime | None = None) -> bool:
        """Whether it had come by then and its backfill, if it has one, counted."""
        if at is not None and self.since > at:
            return False
        return self.backfill is None or self.backfill.active(at)


@dataclass
class Store:
    """`batches` are plainly ingested events as they came, with when; `touched` is id ->
    versions, oldest first; `deprecated` is id -> when; `changes` is customer -> what was amended
    and deprecated when, for the limits on both."""

    batches: list[tuple[Order, Sequence[Event]]] = field(default_factory=list)
    touched: dict[str, list[Version]] = field(default_factory=dict)
    deprecated: dict[str, datetime] = field(default_factory=dict)
    backfills: dict[str, Backfill] = field(default_factory=dict)
    changes: dict[tuple[str, str], dict[str, datetime]] = field(default_factory=dict)
    hours: dict[int, int] = field(default_factory=dict)
    counted: int = 0
    turns: int = 0

    def turn(self, at: datetime) -> Order:
        """A place after all that happened before."""
        self.turns += 1
        return at, self.turns

    def now(self, at: datetime) -> Order:
        """After all that happened before, and ahead of what happens next."""
        return at, self.turns
