"""Every event on its way to a destination, and what became of it. In memory, and bounded."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
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


class Outbox:
    """At most `most` deliveries are pending; of the settled ones, the last `kept` are kept.

    An event that comes when the outbox is full is dead on arrival, and listed so.
    """

    def __init__(self, most: int = PENDING, kept: int = KEPT) -> None:
        self._most, self._kept = most, kept
        self._by_origin: dict[str, dict[int, Delivery]] = {}
        self._settled: deque[Delivery] = deque()
        self._dropped: Counter[str] = Counter()
        self._last = 0
        self.pending = 0

    def add(self, origin: str, vendor: str, event: Mapping[str, Any], at: datetime) -> Delivery:
        """A new delivery, which is settled at once when there is no room for it."""
        self._last += 1
        full = Dead(f"{self.pending} deliveries are pending, the most there can be", "INTERNAL")
        outcome = full if self.pending >= self._most else None
        delivery = Delivery(self._last, origin, vendor, event, at, outcome=outcome)
        self.pending += 1
        self.put(delivery)
        return delivery

    def put(self, delivery: Delivery) -> None:
        """Keep a delivery as it stands now, in place of what was known of it."""
        self._by_origin.setdefault(delivery.origin, {})[delivery.number] = delivery
        if delivery.settled:
            self.pending -= 1
            self._settled.append(delivery)
            if len(self._settled) > self._kept:
                self._drop(self._settled.popleft())

    def of(self, origin: str) -> tuple[Delivery, ...]:
        """An origin's deliveries as they stand, oldest first."""
        return tuple(self._by_origin.get(origin, {}).values())

    def dropped(self, origin: str) -> int:
        """How many settled deliveries of an origin are no longer kept."""
        return self._dropped[origin]

    def _drop(self, delivery: Delivery) -> None:
        kept = self._by_origin[delivery.origin]
        del kept[delivery.number]
        if not kept:
            del self._by_origin[delivery.origin]
        self._dropped[delivery.origin] += 1
