"""Forwards accepted events to every destination, each until the vendor has it or never will."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
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
Step = Callable[[Delivery, Lane], Awaitable[None]]
CONCURRENCY = 8


class Closed(MeterboxError):
    """The forwarder was closed while deliveries were pending."""

    def __init__(self, pending: int) -> None:
        super().__init__(f"The forwarder was closed; {pending} deliveries were not made.")


class Forwarder:
    """Works inside `async with`. Events wait on the clock of their origin, an opaque text.

    `sleep` waits a time, and `now` tells it, on an origin's clock; `chance` spreads the retries;
    `scale` compresses them. Each destination has `concurrency` requests under way at most.
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
    ) -> None:
        self._lanes = {destination.vendor: Lane.to(destination) for destination in destinations}
        self._sleep, self._now = sleep, now
        self._backoff = Backoff(chance, scale)
        self._concurrency = concurrency
        self._outbox = Outbox() if outbox is None else outbox
        self._courier = Courier()
        self._workers: list[asyncio.Task[None]] = []
        self._sleepers: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._closing = False

    def accept(self, origin: str, event: Mapping[str, Any]) -> None:
        """Take an event for every destination; returns at once."""
        at = self._now(origin)
        for vendor, lane in self._lanes.items():
            delivery = self._outbox.add(origin, vendor, event, at)
            if not delivery.settled:
                lane.ready.put_nowait(delivery)

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
        self._workers = [
            asyncio.create_task(self._work(lane))
            for lane in self._lanes.values()
            for _ in range(self._concurrency)
        ]
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
        self._closing = True
        for sleeper in self._sleepers:
            sleeper.cancel()
        for lane in self._lanes.values():
            for _ in range(self._concurrency):
                lane.ready.put_nowait(None)
        await asyncio.gather(*self._workers, *self._sleepers, return_exceptions=True)
        await self._courier.close()
        self._changed.set()

    async def _work(self, lane: Lane) -> None:
        while (delivery := await lane.ready.get()) is not None and not self._closing:
            await self._guarded(self._carry, delivery, lane)

    async def _guarded(self, step: Step, delivery: Delivery, lane: Lane) -> None:
        """A fault of ours costs this delivery only, and is seen. Its text may hold the key."""
        try:
            await step(delivery, lane)
        except Exception as fault:
            why = f"meterbox failed with {type(fault).__name__}"
            self._put(replace(delivery, outcome=Dead(why, "INTERNAL")))

    async def _carry(self, delivery: Delivery, lane: Lane) -> None:
        """Take a delivery as far as it goes now: to its end, or to its next wait."""
        if delivery.requests is None:
            delivery = opened(delivery, lane)
        while not delivery.settled and not self._closing:
            delivery = await self._tried(delivery, lane)
            if isinstance(delivery.outcome, Retry):
                self._put(delivery)
                self._start(self._guarded(self._later, delivery, lane))
                return
        self._put(delivery)

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
            return self._postponed(tried, attempt.outcome)
        return replace(tried, outcome=attempt.outcome)

    def _postponed(self, tried: Delivery, retry: Retry) -> Delivery:
        now = self._now(tried.origin)
        spent = now - tried.attempts[0].at
        retries = sum(isinstance(attempt.outcome, Retry) for attempt in tried.attempts) - 1
        wait = self._backoff.wait(retries, spent=spent, after=retry.after)
        if wait is not None:
            return replace(tried, outcome=retry, wait=wait, due=now + wait)
        tries = len(tried.attempts)
        why = f"gave up after {durations.text(spent)}, try {tries}: {retry.reason}"
        return replace(tried, outcome=Dead(why, retry.code))

    async def _later(self, delivery: Delivery, lane: Lane) -> None:
        origin, due = delivery.origin, delivery.due
        # By the clock, not by the length: it may leap before the first sleep begins.
        while due is not None and (left := due - self._now(origin)) > timedelta():
            await self._sleep(origin, left)
        lane.ready.put_nowait(delivery)

    def _start(self, sleeper: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(sleeper)
        self._sleepers.add(task)
        task.add_done_callback(self._sleepers.discard)

    def _put(self, delivery: Delivery) -> None:
        self._outbox.put(delivery)
        self._changed.set()
