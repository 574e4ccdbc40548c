"""Forwards accepted events to every destination, each until the vendor has it or never will."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from types import TracebackType
from typing import Any, Self

from contracts import durations
from contracts.model import MeterboxError
from translators.forwarding.backoff import Backoff
from translators.forwarding.delivery import Courier
from translators.forwarding.lane import Destination, Lane, opened
from translators.forwarding.outbox import Delivery, Outbox
from translators.forwarding.outcome import Dead, Delivered, Retry

__all__ = ["Closed", "Destination", "Forwarder", "Now", "Sleep"]

Sleep = Callable[[str, timedelta], Awaitable[None]]
Now = Callable[[str], datetime]
CONCURRENCY = 8
CHECK = 0.05


class Closed(MeterboxError):
    """The forwarder was closed while deliveries were pending."""

    def __init__(self, pending: int) -> None:
        super().__init__(f"The forwarder was closed; {pending} deliveries were not made.")


class Forwarder:
    """Works inside `async with`. Events wait on the clock of their origin, an opaque text.

    `sleep` waits a time, and `now` tells it, on an origin's clock; `chance` spreads the retries;
    `scale` compresses them. An origin has `concurrency` requests under way at most at each
    destination, and shares neither these nor its room in the outbox with another origin.
    """

    def __init__(
        self,
        destinations: Iterable[Destination],
        sleep: Sleep,
        now: Now,
        chance: Random,
        *,
        concurrency: int = CONCURRENCY,
        scale: float = 1.0,
        outbox: Outbox | None = None,
        courier: Courier | None = None,
    ) -> None:
        self._lanes = {destination.vendor: Lane.to(destination) for destination in destinations}
        self._sleep, self._now = sleep, now
        self._backoff = Backoff(chance, scale)
        self._concurrency = concurrency
        self._outbox = Outbox() if outbox is None else outbox
        self._courier = Courier() if courier is None else courier
        self._carriers: set[asyncio.Task[None]] = set()
        self._sleepers: dict[asyncio.Task[None], str] = {}
        self._changed = asyncio.Event()
        self._working = self._closing = False

    def accept(self, origin: str, event: Mapping[str, Any]) -> None:
        """Take an event for every destination; returns at once."""
        at = self._now(origin)
        for vendor, lane in self._lanes.items():
            delivery = self._outbox.add(origin, vendor, event, at)
            if not delivery.settled:
                self._queue(delivery, lane)

    def forget(self, origin: str) -> None:
        """Send nothing of an origin that is pending, and list nothing of it any more.

        A request that is under way cannot be called back; it is the last of its delivery.
        """
        self._outbox.forget(origin)
        for lane in self._lanes.values():
            lane.forget(origin)
        for sleeper, whose in self._sleepers.items():
            if whose == origin:
                sleeper.cancel()
        self._changed.set()

    def deliveries(self, origin: str) -> tuple[Delivery, ...]:
        """How each event of an origin stands with each destination, oldest first."""
        return self._outbox.of(origin)

    def dropped(self, origin: str) -> int:
        """How many settled deliveries of an origin are too old to be listed."""
        return self._outbox.dropped(origin)

    async def drain(self) -> None:
        """Return once nothing is pending. Raises Closed when that will not come."""
        while self._outbox.pending:
            if self._closing:
                raise Closed(self._outbox.pending)
            self._changed.clear()
            await self._changed.wait()

    async def __aenter__(self) -> Self:
        self._working = True
        for lane in self._lanes.values():
            for origin in list(lane.queues):
                self._begin(origin, lane)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish the requests under way, begin no other, and close the connections."""
        self._working, self._closing = False, True
        while left := {*self._carriers, *self._sleepers}:
            # Again and again: a sleep that wakes in the same moment may miss it (asyncio.wait_for).
            for sleeper in self._sleepers:
                sleeper.cancel()
            await asyncio.wait(left, timeout=CHECK)
        await self._courier.close()
        self._changed.set()

    def _queue(self, delivery: Delivery, lane: Lane) -> None:
        lane.add(delivery)
        self._begin(delivery.origin, lane)

    def _begin(self, origin: str, lane: Lane) -> None:
        """Carry as many of an origin's deliveries as may be under way."""
        while self._working and (delivery := lane.begin(origin, self._concurrency)) is not None:
            carrier = asyncio.create_task(self._carry(delivery, lane))
            self._carriers.add(carrier)
            carrier.add_done_callback(partial(self._carried, delivery, lane))

    def _carried(self, delivery: Delivery, lane: Lane, carrier: asyncio.Task[None]) -> None:
        self._carriers.discard(carrier)
        self._check(delivery, carrier)
        lane.end(delivery.origin)
        self._begin(delivery.origin, lane)

    def _check(self, delivery: Delivery, task: asyncio.Task[None]) -> None:
        """A fault of ours costs this delivery only, and is seen. Its text may hold the key.

        A task that another than we ended counts as one: nobody else would go on with its delivery.
        """
        fault = asyncio.CancelledError() if task.cancelled() else task.exception()
        if fault is not None and not (task.cancelled() and self._closing):
            why = f"meterbox failed with {type(fault).__name__}"
            self._put(replace(delivery, outcome=Dead(why, "INTERNAL")))

    async def _carry(self, delivery: Delivery, lane: Lane) -> None:
        """Take a delivery as far as it goes now: to its end, or to its next wait."""
        if delivery.requests is None:
            delivery = opened(delivery, lane)
        while not delivery.settled and not self._closing and self._outbox.holds(delivery):
            delivery = await self._tried(delivery, lane)
            if isinstance(delivery.outcome, Retry):
                break
        self._put(delivery)
        if isinstance(delivery.outcome, Retry):
            self._postpone(delivery, lane)

    async def _tried(self, delivery: Delivery, lane: Lane) -> Delivery:
        """The delivery after one more try."""
        requests = delivery.requests or ()
        attempt = await self._courier.deliver(
            requests[delivery.sent],
            lane.destination.target(delivery.origin),
            at=self._now(delivery.origin),
            waited=delivery.wait,
        )
        tried = replace(
            delivery, attempts=(*delivery.attempts, attempt), wait=timedelta(), due=None
        )
        if isinstance(attempt.outcome, Delivered):
            sent = delivery.sent + 1
            outcome = attempt.outcome if sent == len(requests) else None
            return replace(tried, sent=sent, outcome=outcome)
        if isinstance(attempt.outcome, Retry):
            return self._retried(tried, attempt.outcome)
        return replace(tried, outcome=attempt.outcome)

    def _retried(self, tried: Delivery, retry: Retry) -> Delivery:
        now = self._now(tried.origin)
        spent = now - tried.attempts[0].at
        retries = sum(isinstance(attempt.outcome, Retry) for attempt in tried.attempts) - 1
        wait = self._backoff.wait(retries, spent=spent, after=retry.after)
        if wait is not None:
            return replace(tried, outcome=retry, wait=wait, due=now + wait)
        tries = len(tried.attempts)
        why = f"gave up after {durations.text(spent)}, try {tries}: {retry.reason}"
        return replace(tried, outcome=Dead(why, retry.code))

    def _postpone(self, delivery: Delivery, lane: Lane) -> None:
        """Have a delivery wait for its next try, if there will be one."""
        if not self._closing and self._outbox.holds(delivery):
            sleeper = asyncio.create_task(self._wait(delivery))
            self._sleepers[sleeper] = delivery.origin
            sleeper.add_done_callback(partial(self._woken, delivery, lane))

    async def _wait(self, delivery: Delivery) -> None:
        origin, due = delivery.origin, delivery.due
        # By the clock, not by the length: it may leap before the first sleep begins.
        while due is not None and (left := due - self._now(origin)) > timedelta():
            await self._sleep(origin, left)

    def _woken(self, delivery: Delivery, lane: Lane, sleeper: asyncio.Task[None]) -> None:
        del self._sleepers[sleeper]
        self._check(delivery, sleeper)
        if not sleeper.cancelled() and sleeper.exception() is None:
            self._queue(delivery, lane)

    def _put(self, delivery: Delivery) -> None:
        self._outbox.put(delivery)
        self._changed.set()
