"""What a lane has claimed and not sent: when it may go, and what becomes of it if it may not."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest

from sandbox.clock import Clock
from tests.translators.forwarding.scripted import (
    EVENT,
    Scripted,
    answer,
    forwarding,
    frozen,
    until,
)
from translators.forwarding.delivery import Target
from translators.forwarding.outcome import Delivered
from translators.forwarding.sqlite import SqliteOutbox
from translators.forwarding.terms import Terms
from translators.forwarding.worker import Destination, Forwarder

YES, PAUSE = answer(201, {}), answer(429, {}, Retry_After="60")


def by_type(vendor: Any, clock: Clock, outbox: Any = None, **terms: Any) -> Forwarder:
    """A forwarder to Hyperline, which takes batches of one event type."""
    target = Target("http://v.test", "k", httpx.ASGITransport(app=vendor))
    return Forwarder(
        [Destination("hyperline", {}, lambda _: target)],
        lambda _, length: clock.sleep(length),
        lambda _: clock.now(),
        Random(1),
        terms=Terms(**{"concurrency": 1, **terms}),
        batching=True,
        outbox=outbox,
    )


def events(types: str) -> list[dict[str, Any]]:
    return [{**EVENT, "messageId": f"m-{n}", "event": name} for n, name in enumerate(types)]


def ids(bodies: Sequence[Any]) -> list[list[str]]:
    """The events of each request, by the last figure of their ids."""
    together = [body if isinstance(body, list) else [body] for body in bodies]
    return [[event["record"]["id"][-1] for event in batch] for batch in together]


async def settle() -> None:
    """Let the others come to where they wait."""
    for _ in range(200):
        await asyncio.sleep(0)


def test_what_is_claimed_waits_too_when_the_vendor_asks_for_a_pause() -> None:
    vendor, clock = Scripted(PAUSE, YES), frozen()

    async def run() -> None:
        async with asyncio.timeout(60), by_type(vendor, clock, breaker=5) as forwarder:
            forwarder.take("wk", events("abc"))
            await until(lambda: len(vendor.bodies) > 0)
            await settle()
            assert ids(vendor.bodies) == [["0"]]
            clock.advance(timedelta(seconds=60))
            await forwarder.drain()

    asyncio.run(run())
    assert sorted(ids(vendor.bodies)[1:]) == [["0"], ["1"], ["2"]]


def test_a_yes_to_what_was_under_way_does_not_end_the_pause_that_was_asked_for() -> None:
    vendor, clock = Scripted(PAUSE, answer(200)), frozen()

    async def run() -> None:
        terms = Terms(concurrency=2, breaker=5)
        async with forwarding(vendor, clock, terms=terms) as forwarder:
            forwarder.take("wk", events("ab"))
            await until(lambda: forwarder.deliveries("wk")[1].outcome == Delivered())
            forwarder.take("wk", events("c"))
            await settle()
            assert len(vendor.bodies) == 2
            clock.advance(timedelta(seconds=60))
            await forwarder.drain()

    asyncio.run(run())
    assert len(vendor.bodies) == 4


def test_in_order_what_is_left_of_a_refused_batch_is_not_overtaken() -> None:
    vendor = Scripted(answer(400), answer(400), YES)

    async def run() -> None:
        async with asyncio.timeout(60), by_type(vendor, frozen(), ordered=True) as forwarder:
            forwarder.take("wk", events("aab"))
            await forwarder.drain()

    asyncio.run(run())
    assert ids(vendor.bodies) == [["0", "1"], ["0"], ["1"], ["2"]]


def test_what_is_about_to_be_sent_is_not_once_it_is_forgotten() -> None:
    vendor = Scripted(answer(200))

    async def run() -> None:
        async with forwarding(vendor, frozen()) as forwarder:
            forwarder.take("wk", events("a"))
            await asyncio.sleep(0)  # the lane has begun, and its request has not
            forwarder.forget("wk")
            await settle()

    asyncio.run(run())
    assert vendor.bodies == []


class Counted(SqliteOutbox):
    """Counts how often it is asked when the next is due, which takes the longer the more waits."""

    asked = 0

    async def due(self, vendor: str, origin: str, *, ordered: bool = False) -> datetime | None:
        self.asked += 1
        return await super().due(vendor, origin, ordered=ordered)


def test_what_is_due_is_not_looked_for_while_there_is_no_room() -> None:
    vendor, outbox = Scripted(answer(200)), Counted()

    async def run() -> None:
        async with forwarding(vendor, frozen(), outbox=outbox, concurrency=2) as forwarder:
            forwarder.take("wk", events("abcdefghij" * 10))
            await forwarder.drain()

    asyncio.run(run())
    assert (len(vendor.bodies), outbox.asked < 5) == (100, True)


def test_what_waits_for_a_vendor_that_is_not_served_holds_up_no_drain() -> None:
    vendor, outbox = Scripted(answer(200)), SqliteOutbox()
    outbox.add("wk", ["kana"], events("a"), frozen().now())

    async def run() -> None:
        async with forwarding(vendor, frozen(), outbox=outbox) as forwarder:
            forwarder.take("wk", events("b"))
            await forwarder.drain()
            assert await forwarder.waiting() == 1

    asyncio.run(run())
    assert len(vendor.bodies) == 1


@pytest.mark.parametrize("failed", [["m-1"], ["M-1"], ["m-1", "other"]])
def test_a_batch_whose_answer_names_what_was_not_sent_is_sent_one_by_one(failed: list[str]) -> None:
    body = {"events_failed": [{"record": {"id": id}} for id in failed]}
    vendor = Scripted(answer(201, body), YES)

    async def run() -> None:
        async with asyncio.timeout(60), by_type(vendor, frozen()) as forwarder:
            forwarder.take("wk", events("aaa"))
            await forwarder.drain()

    asyncio.run(run())
    again = [["1"]] if failed == ["m-1"] else [["0"], ["1"], ["2"]]
    assert ids(vendor.bodies) == [["0", "1", "2"], *again]
