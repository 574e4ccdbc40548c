"""One destination's deliveries of one origin: claimed, sent, and put back as they stand then."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from translators.forwarding.breaker import Breaker
from translators.forwarding.late import Backfilling, lateness
from translators.forwarding.outbox import Delivery, Outbox
from translators.forwarding.outcome import Dead
from translators.forwarding.parcel import Parcel, parcels
from translators.forwarding.route import Route
from translators.forwarding.sending import Sending
from translators.forwarding.terms import Terms

__all__ = ["Lane", "OriginClock"]

LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class OriginClock:
    """The clock that an origin's deliveries wait on."""

    now: Callable[[], datetime]
    sleep: Callable[[timedelta], Awaitable[None]]


class Lane:
    """Runs until nothing waits. Who is slow keeps nobody else waiting: each has a lane."""

    def __init__(
        self,
        route: Route,
        origin: str,
        outbox: Outbox,
        sending: Sending,
        clock: OriginClock,
        breaker: Breaker,
        terms: Terms,
    ) -> None:
        self._route, self._origin, self._outbox = route, origin, outbox
        self._sending, self._clock, self._breaker = sending, clock, breaker
        self._terms = terms
        self._late = lateness(route.destination.vendor, terms.settings, terms.late)
        self._backfilling = None if self._late is None else Backfilling(self._late, sending)
        self._ready: deque[Parcel] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._plenty = self._closing = False

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def close(self) -> None:
        """Begin nothing more; `run` returns once what is under way has come to its end."""
        self._closing = self._sending.closing = True
        self.wake()

    def forget(self) -> None:
        """Send nothing more of what is claimed. A request under way cannot be called back."""
        self._ready.clear()
        self._sending.forget()
        self.wake()

    async def run(self) -> None:
        """Send what waits, as its time comes; return when nothing does, or once closing.

        However it ends, nothing stays claimed. Raises OutboxFault.
        """
        try:
            await self._work()
        finally:
            await self._leave()

    async def _work(self) -> None:
        while not self._closing:
            self._wake.clear()
            if await self._begin():
                continue
            due = None if self._busy else await self._due()
            if due is None and not self._under_way and not self._wake.is_set():
                return
            await self._pause(due)

    async def _begin(self) -> bool:
        """Send what there is room for; whether something was claimed for it."""
        held_up = self._terms.ordered and self._sending.held_up
        if held_up or self._breaker.holds(self._clock.now()):
            self._sending.held_up = False
            await self._release()  # what has to wait for the one that waits is not known here
        claimed = not self._ready and self._may_claim() and await self._claim()
        while self._ready and self._room > 0 and not self._closing:
            self._send(self._ready.popleft())
        return claimed

    @property
    def _room(self) -> int:
        one = self._terms.ordered or self._breaker.open
        return (1 if one else self._terms.concurrency) - len(self._under_way)

    @property
    def _busy(self) -> bool:
        """Whether nothing more can begin before something under way comes to its end."""
        # A batch that is not full goes when nothing else is under way: until then it grows.
        growing = self._route.batching is not None and not self._plenty
        return self._room <= 0 or (growing and bool(self._under_way))

    def _may_claim(self) -> bool:
        return not (self._busy or self._breaker.holds(self._clock.now()))

    async def _due(self) -> datetime | None:
        vendor = self._route.destination.vendor
        return await self._outbox.due(vendor, self._origin, ordered=self._terms.ordered)

    async def _claim(self) -> bool:
        """Take over what may be sent now, translated; what cannot be translated is settled."""
        batching = self._route.batching
        most = 1 if self._breaker.open else self._sending.most if batching else self._room
        now = self._clock.now()
        claimed = await self._outbox.claim(
            self._route.destination.vendor, self._origin, now, most, ordered=self._terms.ordered
        )
        self._plenty = len(claimed) == most
        opened = [self._opened(delivery, now) for delivery in claimed]
        if settled := [delivery for delivery in opened if delivery.settled]:
            await self._sending.put(settled)
        left = [delivery for delivery in opened if not delivery.settled]
        if self._late is not None:
            late, left = self._late.apart(left, now)
            self._ready += self._late.parcels(late, batching)
        self._ready += parcels(left, batching, ordered=self._terms.ordered)
        return bool(claimed)

    def _opened(self, delivery: Delivery, now: datetime) -> Delivery:
        try:
            opened = self._route.opened(delivery)
            return opened if self._late is None else self._late.told(opened, now)
        except Exception as fault:
            return _failed(delivery, fault)

    def _send(self, parcel: Parcel) -> None:
        way = self._backfilling if parcel.late and self._backfilling else self._sending
        task = asyncio.create_task(way.send(parcel))
        self._under_way.add(task)
        task.add_done_callback(partial(self._sent, parcel))

    def _sent(self, parcel: Parcel, task: asyncio.Task[None]) -> None:
        """A fault of ours costs these deliveries only, and is seen. Its text may hold the key.

        A task that another than we ended counts as one: nobody else would go on with it.
        """
        self._under_way.discard(task)
        fault = asyncio.CancelledError() if task.cancelled() else task.exception()
        if fault is not None and not (task.cancelled() and self._closing):
            dead = [_failed(delivery, fault) for delivery in parcel.deliveries]
            again = asyncio.create_task(self._sending.put(dead))
            self._under_way.add(again)
            again.add_done_callback(self._under_way.discard)
            again.add_done_callback(lambda _: self.wake())
        self.wake()

    async def _pause(self, due: datetime | None) -> None:
        """Wait until something happens, or until the next may be tried."""
        held = self._breaker.until
        until = due if due is None or held is None else max(due, held)
        sleeper = None
        if until is not None and (not self._under_way or until > self._clock.now()):
            sleeper = asyncio.create_task(self._until(until))
            sleeper.add_done_callback(lambda _: self.wake())
        try:
            await self._wake.wait()
        finally:
            if sleeper is not None:
                await _ended(sleeper)
        if sleeper is not None and not sleeper.cancelled() and sleeper.exception() is not None:
            await self._give_up(sleeper.exception())

    async def _until(self, due: datetime) -> None:
        # By the clock, not by the length: it may leap before the sleep begins.
        while (left := due - self._clock.now()) > timedelta():
            await self._clock.sleep(left)

    async def _give_up(self, fault: BaseException | None) -> None:
        """Settle what waits for a clock that tells no time any more."""
        vendor = self._route.destination.vendor
        waiting = await self._outbox.claim(vendor, self._origin, LATEST, 1_000)
        await self._sending.put([_failed(delivery, fault) for delivery in waiting])

    async def _leave(self) -> None:
        """Finish what is under way, and leave what is not to who comes next."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        await self._release()

    async def _release(self) -> None:
        """Put back what was claimed and not begun."""
        left = [delivery for parcel in self._ready for delivery in parcel.deliveries]
        self._ready.clear()
        if left:
            await self._outbox.put(left)


def _failed(delivery: Delivery, fault: BaseException | None) -> Delivery:
    why = f"meterbox failed with {type(fault).__name__}"
    return delivery.came_to(Dead(why, "INTERNAL"))


async def _ended(task: asyncio.Task[None]) -> None:
    """End a task, again and again: a sleep that wakes in the same moment may miss it
    (asyncio.wait_for)."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.05)
