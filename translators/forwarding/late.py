"""Usage that is older than a vendor takes: told before it is sent, or brought in another way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from typing import Any, Protocol

from contracts import durations
from contracts.reader import read
from translators.forwarding.outbox import Delivery
from translators.forwarding.outcome import Dead, Delivered, Retry
from translators.forwarding.parcel import Parcel, together, upcoming
from translators.forwarding.route import Batching
from translators.forwarding.sending import Sending
from translators.forwarding.terms import Mode
from translators.request import VendorRequest

__all__ = ["Backfilling", "Late", "Lateness", "lateness"]

TRIES = 3


class Lateness(Protocol):
    """What `translators/<vendor>/late.py` has, where a vendor refuses what is too old."""

    RULE: str
    """The rule whose switch tells how old usage may be."""
    LONGEST: timedelta
    """The longest time that one backfill is for."""

    def moment(self, request: VendorRequest) -> datetime | None:
        """When the usage of a request was; None where that cannot be told."""

    def opening(self, moments: Sequence[datetime], now: datetime) -> VendorRequest:
        """What opens a backfill for usage of these times."""

    def opened(self, answer: bytes) -> str | None:
        """The id of what was opened; None where the answer tells none."""

    def within(self, request: VendorRequest, id: str) -> VendorRequest:
        """The request, for that backfill."""

    def closing(self, id: str) -> VendorRequest:
        """What closes the backfill, so that its usage is billed."""


@dataclass(frozen=True)
class Late:
    """What is done at one destination with usage that is older than `allowed`."""

    lateness: Lateness
    allowed: timedelta
    mode: Mode

    def told(self, delivery: Delivery, now: datetime) -> Delivery:
        """The delivery, settled where it is too old and goes no other way."""
        if self.mode == "backfill" or not self.holds(delivery, now):
            return delivery
        limit = durations.text(self.allowed)
        why = f"the event is older than {limit}, and would be refused; a backfill would take it"
        return delivery.came_to(Dead(f"{why} [{self.lateness.RULE}]", "LATE", self.lateness.RULE))

    def holds(self, delivery: Delivery, now: datetime) -> bool:
        """Whether a translated delivery is too old to be sent as it is."""
        if delivery.settled:
            return False
        at = self.lateness.moment(upcoming(delivery))
        return at is not None and at <= now - self.allowed

    def apart(
        self, deliveries: Iterable[Delivery], now: datetime
    ) -> tuple[list[Delivery], list[Delivery]]:
        """The late ones, and the others."""
        sorted_out: tuple[list[Delivery], list[Delivery]] = ([], [])
        for delivery in deliveries:
            sorted_out[not self.holds(delivery, now)].append(delivery)
        return sorted_out

    def parcels(self, late: Iterable[Delivery], batching: Batching | None) -> list[Parcel]:
        """Late deliveries in parcels, each for one backfill."""
        spans: dict[int, list[Delivery]] = {}
        for delivery in late:
            at = self.lateness.moment(upcoming(delivery))
            assert at is not None  # or it were not late
            span = int(at.timestamp() // self.lateness.LONGEST.total_seconds())
            spans.setdefault(span, []).append(delivery)
        most = batching.MOST if batching is not None else 1
        return [
            Parcel(tuple(part), together(part, batching).request, late=True)
            for span in spans.values()
            for part in _chunks(span, most)
        ]


def lateness(vendor: str, settings: Mapping[str, Any], mode: Mode) -> Late | None:
    """What is done with late usage at a vendor; None where it is sent like any other.

    `settings` are rule switches by rule; the contract has their defaults.
    """
    name = f"translators.{vendor}.late"
    if mode == "send" or find_spec(name) is None:
        return None
    module: Any = import_module(name)
    found: Lateness = module
    default = durations.parse(read(vendor).defaults[found.RULE])
    given = settings.get(found.RULE, default)
    return Late(found, given if isinstance(given, timedelta) else durations.parse(given), mode)


class Backfilling:
    """Sends late parcels of one lane: opens a backfill, sends them for it, and closes it.

    One after another, since backfills of overlapping times refuse each other. One that is refused
    is tried again later: that one of before is still open, or not reflected yet, passes. One that
    was left open by a crash closes by itself, and its usage is known when it is sent again.
    """

    def __init__(self, late: Late, sending: Sending) -> None:
        self._late, self._sending = late, sending
        self._one = asyncio.Lock()

    def send(self, parcel: Parcel) -> Coroutine[Any, Any, None]:
        """Take a late parcel as far as it goes now."""
        return self._send(parcel, self._sending.life)

    async def _send(self, parcel: Parcel, life: int) -> None:
        async with self._one:
            if self._sending.closing or life != self._sending.life:
                await self._sending.go_on(parcel, life)  # which is nowhere: no backfill is opened
                return
            id = await self._opened(parcel)
            if id is None:
                return
            within = self._late.lateness.within
            moved = [d.opened((within(upcoming(d), id),)) for d in parcel.deliveries]
            await self._sending.go_on(together(moved, self._sending.batching), life)
            for _ in range(TRIES):
                attempt, _body = await self._sending.ask(self._late.lateness.closing(id))
                if not isinstance(attempt.outcome, Retry):
                    return  # and if it is never closed from here, it closes by itself

    async def _opened(self, parcel: Parcel) -> str | None:
        """The id of a backfill for a parcel, which is put back where there is none."""
        moments = [self._late.lateness.moment(upcoming(d)) for d in parcel.deliveries]
        times = [at for at in moments if at is not None]
        request = self._late.lateness.opening(times, self._sending.now())
        attempt, body = await self._sending.ask(request)
        id = self._late.lateness.opened(body) if isinstance(attempt.outcome, Delivered) else None
        if id is None:
            outcome = attempt.outcome
            reason = "" if isinstance(outcome, Delivered) else outcome.reason
            code = "RETRY" if isinstance(outcome, Delivered) else outcome.code
            after = outcome.after if isinstance(outcome, Retry) else None
            again = Retry(after, f"no backfill could be opened: {reason}", code)
            await self._sending.postpone(parcel.deliveries, attempt, again)
        return id


def _chunks(deliveries: Sequence[Delivery], most: int) -> Iterable[list[Delivery]]:
    rest = iter(deliveries)
    while part := list(islice(rest, most)):
        yield part
