"""Sends parcels and judges what came of it; a batch that is refused whole is searched by halves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from contracts import durations
from translators.forwarding.backoff import Backoff
from translators.forwarding.breaker import Breaker
from translators.forwarding.delivery import READ, Courier
from translators.forwarding.outbox import Delivery, Outbox
from translators.forwarding.outcome import Attempt, Dead, Delivered, Retry
from translators.forwarding.parcel import Parcel, together, upcoming
from translators.forwarding.route import Batching, Route, broken_rule
from translators.request import VendorRequest

__all__ = ["Sending"]

MOST_HALVINGS = 16
READ_OF_BATCH = 16 * 1024 * 1024
OF_CONTENT = (400, 409, 413, 422)
"""Refusals that one event may bring on all others of its batch; what else is refused, all are."""


class Sending:
    """How the parcels of one lane are sent. `changed` is told of whatever was put back."""

    def __init__(
        self,
        route: Route,
        origin: str,
        outbox: Outbox,
        courier: Courier,
        now: Callable[[], datetime],
        backoff: Backoff,
        breaker: Breaker,
        changed: Callable[[Sequence[Delivery]], None],
    ) -> None:
        self._route, self._origin, self._outbox, self._courier = route, origin, outbox, courier
        self.now, self._backoff, self._breaker = now, backoff, breaker
        self._changed = changed
        self.life = self._halvings = 0
        self.closing = self.held_up = False

    def forget(self) -> None:
        """Whatever is under way now is the last of its delivery."""
        self.life += 1

    async def put(self, deliveries: Sequence[Delivery]) -> None:
        """Put deliveries back as they stand."""
        await self._outbox.put(deliveries)
        self._changed(deliveries)

    def send(self, parcel: Parcel) -> Coroutine[Any, Any, None]:
        """Take a parcel as far as it goes now: to its end, or to its next wait."""
        # The life at this moment: what is forgotten before it begins to be sent is not sent.
        return self.go_on(parcel, self.life)

    async def go_on(self, parcel: Parcel, life: int) -> None:
        """Send a parcel that is of this life; it is put back, or dropped with a life that is over,
        where nothing is to be sent any more."""
        while not self.closing and life == self.life:
            attempt, failed = await self._try(parcel)
            tried = _noted(parcel.deliveries, attempt)
            if len(tried) > 1 and _of_content(attempt):
                self._halvings = min(self._halvings + 1, MOST_HALVINGS)
                await self._search(parcel.deliveries, attempt, life)
                return
            if isinstance(attempt.outcome, Delivered):
                self._halvings = max(self._halvings - 1, 0)
            if (half_sent := _half_sent(tried, attempt)) is None:
                await self._finish(tried, attempt, parcel, failed, life)
                return
            # It is not put back in between: another would claim it, and send the rest too.
            parcel = together([half_sent], None)
        if life == self.life:
            await self.put(parcel.deliveries)

    async def _finish(
        self,
        tried: Sequence[Delivery],
        attempt: Attempt,
        parcel: Parcel,
        failed: Collection[int],
        life: int,
    ) -> None:
        """Put back what was sent; what failed inside an answer that says yes is tried alone."""
        alone = [delivery for n, delivery in enumerate(tried) if n in failed]
        rest = [delivery for n, delivery in enumerate(tried) if n not in failed]
        if rest:
            await self.put(self._after(rest, attempt, parcel))
        for delivery in alone:
            await self.go_on(together([delivery], None), life)

    async def _search(self, suspects: Sequence[Delivery], refusal: Attempt, life: int) -> None:
        """Find one that the vendor refuses among those it refused together.

        Of each two halves one is sent; if the vendor takes it, the other has the bad one. What is
        left over when the first is refused goes with the next batch, so that one bad event costs
        a request for each halving, and one more. It goes as it was: many bad ones would have each
        other carry refusals by the hundred, and none was of it alone.
        """
        refusals = [refusal]
        while len(suspects) > 1 and not self.closing and life == self.life:
            half = len(suspects) // 2
            first, second = suspects[:half], suspects[half:]
            parcel = together(first, self._route.batching)
            attempt, failed = await self._try(parcel)
            tried = _noted(first, *refusals, attempt)
            if isinstance(attempt.outcome, Delivered):
                await self._finish(tried, attempt, parcel, failed, life)
                suspects = second
                continue
            self.held_up = True  # what was claimed after the second half is not to overtake it
            await self.put(second)
            if not (_of_content(attempt) and half > 1):
                await self.put(self._after(tried, attempt, parcel))
                return
            refusals.append(attempt)
            suspects = first
        await self.go_on(together(_noted(suspects, *refusals), self._route.batching), life)

    async def _try(self, parcel: Parcel) -> tuple[Attempt, Collection[int]]:
        """What came of a try, and which deliveries a yes does not speak for, by their places."""
        attempt, body = await self.ask(
            parcel.request,
            waited=max(delivery.wait for delivery in parcel.deliveries),
            most=READ if len(parcel.deliveries) == 1 else READ_OF_BATCH,
        )
        batching = self._route.batching
        if batching is None or len(parcel.deliveries) == 1:
            return attempt, ()
        if not isinstance(attempt.outcome, Delivered):
            return attempt, ()
        requests = [upcoming(delivery) for delivery in parcel.deliveries]
        return attempt, set(batching.failed(body, requests))

    async def ask(
        self, request: VendorRequest, *, waited: timedelta = timedelta(), most: int = READ
    ) -> tuple[Attempt, bytes]:
        """Send any request to the destination; what came of it, and the answer's body."""
        target = self._route.destination.target(self._origin)
        attempt, body = await self._courier.asked(
            request, target, at=self.now(), waited=waited, most=most
        )
        self._breaker.note(attempt.outcome, self.now())
        return attempt, body

    async def postpone(
        self, deliveries: Sequence[Delivery], attempt: Attempt, retry: Retry
    ) -> None:
        """Put deliveries back that are to be tried again after this try."""
        await self.put(self._postponed(_noted(deliveries, attempt), retry))

    @property
    def most(self) -> int:
        """Events that go together now: half as many after each batch that was refused, twice as
        many after each that was not. Of bad ones alone, no more than one is sent in the end."""
        return 1 if self.batching is None else max(self.batching.MOST >> self._halvings, 1)

    @property
    def batching(self) -> Batching | None:
        """How events go together at the destination."""
        return self._route.batching

    def _after(
        self, tried: Sequence[Delivery], attempt: Attempt, parcel: Parcel
    ) -> Sequence[Delivery]:
        """The deliveries after a try that was all of theirs."""
        outcome = attempt.outcome
        if isinstance(outcome, Delivered):
            return [_sent(delivery) for delivery in tried]
        if isinstance(outcome, Retry):
            return self._postponed(tried, outcome)
        if len(tried) == 1:
            outcome = replace(outcome, rule=outcome.rule or broken_rule(parcel.request))
        return [delivery.came_to(outcome) for delivery in tried]

    def _postponed(self, tried: Sequence[Delivery], retry: Retry) -> Sequence[Delivery]:
        """All for the same time, so that they go together again; those whose time is up, never."""
        now = self.now()
        self.held_up = True
        spent = [now - delivery.attempts[0].at for delivery in tried]
        alive = [length for length in spent if self._backoff.allows(length, retry.after)]
        wait = timedelta()
        if alive:
            retries = max(_retries(delivery) for delivery in tried) - 1
            wait = self._backoff.wait(retries, spent=max(alive), after=retry.after) or wait
        return [
            replace(delivery, outcome=retry, wait=wait, due=now + wait)
            if self._backoff.allows(length, retry.after)
            else delivery.came_to(_too_late(delivery, length, retry))
            for delivery, length in zip(tried, spent, strict=True)
        ]


def _noted(deliveries: Sequence[Delivery], *more: Attempt) -> list[Delivery]:
    """The deliveries with more tries, which those with the same tries before share."""
    shared: dict[int, tuple[Attempt, ...]] = {}
    for delivery in deliveries:
        if id(delivery.attempts) not in shared:
            shared[id(delivery.attempts)] = (*delivery.attempts, *more)
    return [delivery.tried(shared[id(delivery.attempts)]) for delivery in deliveries]


def _sent(delivery: Delivery) -> Delivery:
    sent = delivery.sent + 1
    done = sent == len(delivery.requests or ())
    return delivery.came_to(Delivered() if done else None, sent=sent)


def _half_sent(tried: Sequence[Delivery], attempt: Attempt) -> Delivery | None:
    """The delivery that was sent alone, if more of its requests are to follow."""
    if len(tried) > 1 or not isinstance(attempt.outcome, Delivered):
        return None
    [only] = map(_sent, tried)
    return None if only.settled else only


def _retries(delivery: Delivery) -> int:
    return sum(isinstance(attempt.outcome, Retry) for attempt in delivery.attempts)


def _too_late(delivery: Delivery, spent: timedelta, retry: Retry) -> Dead:
    tries = len(delivery.attempts)
    return Dead(f"gave up after {durations.text(spent)}, try {tries}: {retry.reason}", retry.code)


def _of_content(attempt: Attempt) -> bool:
    return isinstance(attempt.outcome, Dead) and attempt.status in OF_CONTENT
