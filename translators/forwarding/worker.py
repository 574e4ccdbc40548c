"""Forwards accepted events to every destination, each until the vendor has it or never will."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random
from types import TracebackType
from typing import Any, Self

from contracts.model import MeterboxError
from translators.forwarding.backoff import Backoff
from translators.forwarding.breaker import Breaker
from translators.forwarding.delivery import Courier
from translators.forwarding.lane import Lane, OriginClock
from translators.forwarding.letters import Letters
from translators.forwarding.outbox import Delivery, Listed, Outbox, OutboxFault, Position
from translators.forwarding.record import kind
from translators.forwarding.route import Destination, Route
from translators.forwarding.sending import Sending
from translators.forwarding.sqlite import SqliteOutbox
from translators.forwarding.terms import Terms

__all__ = ["Closed", "Destination", "Forwarder", "Now", "Sleep", "Terms"]

LOG = logging.getLogger(__name__)
Sleep = Callable[[str, timedelta], Awaitable[None]]
Now = Callable[[str], datetime]


class Closed(MeterboxError):
    """The forwarder was closed while deliveries were pending."""

    def __init__(self, pending: int) -> None:
        super().__init__(f"The forwarder was closed; {pending} deliveries were not made.")


class Forwarder:
    """Works inside `async with`. Events wait on the clock of their origin, an opaque text.

    `sleep` waits a time, and `now` tells it, on an origin's clock; `chance` spreads the retries;
    `scale` compresses them. An origin shares neither its requests under way at a destination nor
    its room in the outbox with another. `batching` has events go together where vendors take that.
    The outbox is in memory unless another is given, and is the giver's to close. `counts` has how
    many deliveries came to which end since the forwarder was made, by vendor and kind of outcome.
    """

    def __init__(
        self,
        destinations: Iterable[Destination],
        sleep: Sleep,
        now: Now,
        chance: Random,
        *,
        terms: Terms = Terms(),  # noqa: B008  # frozen
        scale: float = 1.0,
        batching: bool = False,
        outbox: Outbox | None = None,
        courier: Courier | None = None,
    ) -> None:
        self._routes = {d.vendor: Route.to(d, batching=batching) for d in destinations}
        self._sleep, self._now, self._terms = sleep, now, terms
        self._backoff = Backoff(chance, scale)
        self._outbox: Outbox = SqliteOutbox() if outbox is None else outbox
        self._courier = Courier() if courier is None else courier
        self._lanes: dict[tuple[str, str], tuple[Lane, asyncio.Task[None]]] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        self._poller: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._working = self._closing = False

    def accept(self, origin: str, *events: Mapping[str, Any]) -> None:
        """Take events for every destination; returns at once, and `written` once they are safe."""
        self.take(origin, events)

    def take(
        self, origin: str, events: Sequence[Mapping[str, Any]], position: Position | None = None
    ) -> None:
        """Take events for every destination, together with how far their source is read."""
        self._outbox.add(origin, list(self._routes), events, self._now(origin), position)
        for vendor in self._routes:
            self._stir(vendor, origin)

    async def written(self) -> None:
        """Return once everything taken so far is safe. Raises OutboxFault."""
        await self._outbox.written()

    def forget(self, origin: str) -> None:
        """Send nothing of an origin that is pending, and list nothing of it any more.

        A request that is under way cannot be called back; it is the last of its delivery.
        """
        self._outbox.forget(origin)
        for (_, whose), (lane, _) in self._lanes.items():
            if whose == origin:
                lane.forget()
        self._changed.set()

    def deliveries(
        self, origin: str, events: Collection[str] | None = None
    ) -> tuple[Delivery, ...]:
        """How each event of an origin, or each of these messageIds, stands with each destination,
        oldest first.

        Raises OutboxFault where the outbox does not list, as one that is shared does not.
        """
        listed = self._listed().of(origin)
        if events is not None:
            listed = [found for found in listed if found.event.get("messageId") in events]
        return tuple(self._shown(delivery) for delivery in listed)

    def dropped(self, origin: str) -> int:
        """How many settled deliveries of an origin are too old to be listed."""
        return self._listed().dropped(origin)

    def letters(self) -> Letters:
        """What could not be delivered; `look` once some of it waits again. Raises OutboxFault where
        the outbox is not this forwarder's alone."""
        if isinstance(self._outbox, SqliteOutbox):
            return self._outbox.letters()
        raise OutboxFault("This outbox is shared: `meterbox dead-letters --outbox URL` has them.")

    async def drain(self) -> None:
        """Return once nothing is pending. Raises Closed when that will not come."""
        while not await self.idle():
            if self._closing:
                raise Closed(await self._outbox.waiting())
            self._changed.clear()
            await self._changed.wait()

    async def idle(self) -> bool:
        """Whether nothing waits for a destination; for one that is not served, something may."""
        if await self._outbox.idle():
            return True
        if self._lanes:
            return False
        return not any(vendor in self._routes for vendor, _ in await self._outbox.lanes())

    async def __aenter__(self) -> Self:
        self._working = True
        await self.look()
        if self._outbox.poll is not None:
            self._poller = asyncio.create_task(self._poll(self._outbox.poll))
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
        if self._poller is not None:
            self._poller.cancel()
        lanes = list(self._lanes.values())
        for lane, _ in lanes:
            lane.close()
        if lanes:
            await asyncio.wait([task for _, task in lanes])
        await self._courier.close()
        self._changed.set()

    def _noted(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if delivery.outcome is not None and delivery.settled:
                self.counts[delivery.vendor, kind(delivery.outcome)] += 1
        self._changed.set()

    async def waiting(self) -> int:
        """How many deliveries are not settled."""
        return await self._outbox.waiting()

    async def look(self) -> None:
        """See to everything that waits, whoever has added it."""
        for vendor, origin in await self._outbox.lanes():
            if vendor in self._routes:
                self._stir(vendor, origin)
        self._changed.set()

    async def _poll(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.look()
            except MeterboxError as fault:
                LOG.error("%s", fault)

    def _stir(self, vendor: str, origin: str) -> None:
        """Have a lane see to what waits; a new one, if there is none that runs."""
        if not self._working:
            return
        lane, task = self._lanes.get((vendor, origin), (None, None))
        if lane is not None and task is not None and not task.done():
            lane.wake()
            return
        lane = self._lane(self._routes[vendor], origin)
        task = asyncio.create_task(lane.run())
        self._lanes[vendor, origin] = lane, task
        task.add_done_callback(partial(self._ended, vendor, origin))

    def _lane(self, route: Route, origin: str) -> Lane:
        clock = OriginClock(partial(self._now, origin), partial(self._sleep, origin))
        breaker = Breaker(self._backoff, self._terms.breaker)
        sending = Sending(
            route,
            origin,
            self._outbox,
            self._courier,
            clock.now,
            self._backoff,
            breaker,
            self._noted,
        )
        return Lane(route, origin, self._outbox, sending, clock, breaker, self._terms)

    def _ended(self, vendor: str, origin: str, task: asyncio.Task[None]) -> None:
        """A lane that failed, or that another ended, is followed by a new one."""
        if self._lanes[vendor, origin][1] is task:
            del self._lanes[vendor, origin]
            self._changed.set()
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            LOG.error("deliveries to %s failed with %s", vendor, type(fault).__name__)
        if self._working and (task.cancelled() or fault is not None):
            asyncio.get_running_loop().call_later(1, self._stir, vendor, origin)

    def _listed(self) -> Listed:
        if isinstance(self._outbox, Listed):
            return self._outbox
        raise OutboxFault("This outbox lists no deliveries.")

    def _shown(self, delivery: Delivery) -> Delivery:
        """A delivery with its requests, which are not kept: they follow from its event."""
        route = self._routes.get(delivery.vendor)
        if route is None:
            return delivery
        try:
            made = route.opened(delivery).requests
        except Exception:  # seen as its outcome already
            made = None
        return delivery if made is None else delivery.opened(made)
