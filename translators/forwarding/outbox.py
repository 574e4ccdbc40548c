"""Every event on its way to a destination, and what became of it. In memory, and bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from translators.forwarding.delivery import Attempt
from translators.forwarding.outcome import Dead, Delivered, Filtered, Outcome
from translators.request import VendorRequest

__all__ = ["Delivery", "Outbox"]

PENDING = 20_000
KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one vendor.

    `requests` is None until the event is translated, and the first `sent` of them are delivered.
    `outcome` is None before the first try, a Retry while the next, `due` after `wait`, is awaited.
    """

    number: int
    origin: str
    vendor: str
    event: Mapping[str, Any]
    accepted: datetime
    requests: tuple[VendorRequest, ...] | None = None
    sent: int = 0
    attempts: tuple[Attempt, ...] = ()
    outcome: Outcome | None = None
    wait: timedelta = timedelta()
    due: datetime | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing more will be tried."""
        return isinstance(self.outcome, Delivered | Dead | Filtered)

    @property
    def reason(self) -> str | None:
        """Why it is not delivered (yet); None when it is, or was not tried."""
        return (
            None
            if self.outcome is None or isinstance(self.outcome, Delivered)
            else (self.outcome.reason)
        )


@dataclass
class Shelf:
    """What is kept of one origin. `settled` are the numbers of those that may be dropped."""

    deliveries: dict[int, Delivery] = field(default_factory=dict)
    settled: deque[int] = field(default_factory=deque)
    pending: int = 0
    dropped: int = 0


class Outbox:
    """Of each origin at most `most` deliveries are pending; of the settled, the last `kept` stay.

    An event that comes when its origin has no more room is dead on arrival, and listed so.
    """

    def __init__(self, most: int = PENDING, kept: int = KEPT) -> None:
        self._most, self._kept = most, kept
        self._shelves: dict[str, Shelf] = {}
        self._last = 0
        self.pending = 0

    def add(self, origin: str, vendor: str, event: Mapping[str, Any], at: datetime) -> Delivery:
        """A new delivery, which is settled at once when there is no room for it."""
        shelf = self._shelves.setdefault(origin, Shelf())
        self._last += 1
        full = Dead(f"{shelf.pending} deliveries are pending, the most there can be", "INTERNAL")
        outcome = full if shelf.pending >= self._most else None
        delivery = Delivery(self._last, origin, vendor, event, at, outcome=outcome)
        shelf.deliveries[delivery.number] = delivery
        shelf.pending += 1
        self.pending += 1
        self.put(delivery)
        return delivery

    def put(self, delivery: Delivery) -> None:
        """Keep a delivery as it stands now, in place of what was known of it, if it is held."""
        if not self.holds(delivery):
            return
        shelf = self._shelves[delivery.origin]
        shelf.deliveries[delivery.number] = delivery
        if delivery.settled:
            self.pending -= 1
            shelf.pending -= 1
            shelf.settled.append(delivery.number)
        if len(shelf.settled) > self._kept:
            del shelf.deliveries[shelf.settled.popleft()]
            shelf.dropped += 1

    def holds(self, delivery: Delivery) -> bool:
        """Whether a delivery was neither forgotten nor dropped since it was added."""
        shelf = self._shelves.get(delivery.origin)
        return shelf is not None and delivery.number in shelf.deliveries

    def forget(self, origin: str) -> None:
        """Hold nothing of an origin any more, and count nothing as dropped."""
        shelf = self._shelves.pop(origin, None)
        if shelf is not None:
            self.pending -= shelf.pending

    def of(self, origin: str) -> tuple[Delivery, ...]:
        """An origin's deliveries as they stand, oldest first."""
        shelf = self._shelves.get(origin)
        return () if shelf is None else tuple(shelf.deliveries.values())

    def dropped(self, origin: str) -> int:
        """How many settled deliveries of an origin are no longer kept."""
        shelf = self._shelves.get(origin)
        return 0 if shelf is None else shelf.dropped
