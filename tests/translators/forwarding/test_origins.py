"""Origins beside each other at one vendor: neither waits for another, and each can be forgotten."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from sandbox.clock import Clock
from tests.translators.forwarding.scripted import (
    EVENT,
    NOW,
    Scripted,
    answer,
    forwarding,
    frozen,
    until,
)
from translators.forwarding.outcome import Dead, Delivered, Retry
from translators.forwarding.sqlite import SqliteOutbox
from translators.forwarding.worker import Forwarder

OK = answer(200, {"validation_failed": []})


def numbered(n: int) -> dict[str, Any]:
    return {**EVENT, "messageId": f"m-{n}"}


def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


class Vendors:
    """A vendor for each origin, all in one place, as the sandbox has one for each key."""

    def __init__(self, **vendors: Scripted) -> None:
        self.vendors = vendors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = dict(scope["headers"])[b"authorization"].decode()
        await self.vendors[key.removeprefix("Bearer key-of-")](scope, receive, send)


def held(*script: Any) -> Scripted:
    vendor = Scripted(*(script or (OK,)))
    vendor.gate = asyncio.Event()
    return vendor


def test_an_origin_that_fills_its_outbox_costs_no_other_an_event() -> None:
    vendors = Vendors(full=Scripted(answer(503)), other=Scripted(OK))

    async def run() -> list[Any]:
        async with forwarding(vendors, frozen(), outbox=SqliteOutbox(most=3)) as forwarder:
            for n in range(5):
                forwarder.accept("full", numbered(n))
            await until(lambda: len(vendors.vendors["full"].bodies) == 3)
            forwarder.accept("other", EVENT)
            await until(lambda: forwarder.deliveries("other")[0].settled)
            return [forwarder.deliveries(origin)[-1].outcome for origin in ("full", "other")]

    full, other = asyncio.run(run())
    assert full == Dead("3 deliveries are pending, the most there can be", "INTERNAL")
    assert other == Delivered()


def test_an_origin_whose_vendor_hangs_keeps_no_other_waiting() -> None:
    async def run() -> tuple[int, Any]:
        vendors = Vendors(slow=held(), other=Scripted(OK))
        async with forwarding(vendors, frozen(), concurrency=2) as forwarder:
            for n in range(5):
                forwarder.accept("slow", numbered(n))
            await until(lambda: vendors.vendors["slow"].under_way == 2)
            forwarder.accept("other", EVENT)
            await until(lambda: forwarder.deliveries("other")[0].settled)
            gate = vendors.vendors["slow"].gate
            assert gate is not None
            gate.set()
            await forwarder.drain()
        return vendors.vendors["slow"].most_under_way, forwarder.deliveries("slow")[4].outcome

    assert asyncio.run(run()) == (2, Delivered())


def test_more_origins_than_a_pool_holds_have_requests_under_way() -> None:
    """Over sockets, where a client has a pool of connections."""
    most = 120

    async def run() -> None:
        under_way, gate = 0, asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal under_way
            await reader.readuntil(b"]}")
            under_way += 1
            await gate.wait()
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}")
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with forwarding(None, frozen(), base_url=url) as forwarder:
                for n in range(most):
                    forwarder.accept(f"origin-{n}", EVENT)
                await until(lambda: under_way == most)
                gate.set()
                await forwarder.drain()

    asyncio.run(run())


def test_no_task_is_left_when_there_is_no_work() -> None:
    async def run() -> None:
        async with forwarding(Scripted(OK), frozen()) as forwarder:
            for n in range(9):
                forwarder.accept(f"origin-{n % 3}", numbered(n))
            await forwarder.drain()
            await until(lambda: not others())

    asyncio.run(run())


def test_a_delivery_whose_task_is_cancelled_is_seen_and_holds_up_no_other() -> None:
    async def run() -> list[Any]:
        vendor = Scripted(OK)
        vendor.gate = asyncio.Event()
        async with forwarding(vendor, frozen(), concurrency=1) as forwarder:
            forwarder.accept("wk", EVENT)
            await until(lambda: vendor.under_way == 1)
            for task in others():
                task.cancel()
            vendor.gate.set()
            forwarder.accept("wk", numbered(2))
            await forwarder.drain()
            return [delivery.outcome for delivery in forwarder.deliveries("wk")]

    assert asyncio.run(run()) == [
        Dead("meterbox failed with CancelledError", "INTERNAL"),
        Delivered(),
    ]


def test_a_wait_whose_task_is_cancelled_is_begun_anew() -> None:
    async def run() -> list[Any]:
        vendor, clock = Scripted(answer(503), OK), frozen()
        async with forwarding(vendor, clock, concurrency=1) as forwarder:
            forwarder.accept("wk", EVENT)
            await until(waits(forwarder))
            for task in others():
                task.cancel()
            await until(lambda: not others())
            clock.advance(timedelta(seconds=1))
            forwarder.accept("wk", numbered(2))
            await forwarder.drain()
            return [delivery.outcome for delivery in forwarder.deliveries("wk")]

    assert asyncio.run(run()) == [Delivered(), Delivered()]


def waits(forwarder: Forwarder) -> Callable[[], bool]:
    return lambda: isinstance(forwarder.deliveries("wk")[0].outcome, Retry)


def test_what_waits_for_its_next_try_is_not_sent_once_it_is_forgotten() -> None:
    vendor = Scripted(answer(503), OK)

    async def run() -> None:
        clock = frozen()
        async with forwarding(vendor, clock) as forwarder:
            forwarder.accept("wk", EVENT)
            await until(waits(forwarder))
            forwarder.forget("wk")
            assert forwarder.deliveries("wk") == ()
            await forwarder.drain()
            clock.advance(timedelta(hours=1))
            forwarder.accept("wk", numbered(2))
            await forwarder.drain()
            assert [d.event["messageId"] for d in forwarder.deliveries("wk")] == ["m-2"]

    asyncio.run(run())
    assert vendor.keys == ["m-1", "m-2"]


def test_a_clock_that_leaps_just_before_sends_nothing_that_is_forgotten() -> None:
    vendor = Scripted(answer(503), OK)

    async def run() -> None:
        clock = frozen()
        async with forwarding(vendor, clock) as forwarder:
            forwarder.accept("wk", EVENT)
            await until(waits(forwarder))
            await asyncio.sleep(0)
            clock.advance(timedelta(hours=1))
            forwarder.forget("wk")
            for _ in range(20):
                await asyncio.sleep(0)

    asyncio.run(run())
    assert vendor.keys == ["m-1"]


@pytest.mark.parametrize("script", [(OK,), (answer(503), OK)], ids=["delivered", "retried"])
def test_what_is_under_way_when_it_is_forgotten_is_the_last_of_its_origin(script: Any) -> None:
    async def run() -> list[str]:
        vendor, clock = held(*script), frozen()
        async with forwarding(vendor, clock, concurrency=1) as forwarder:
            for n in range(3):
                forwarder.accept("wk", numbered(n))
            await until(lambda: vendor.under_way == 1)
            forwarder.forget("wk")
            forwarder.accept("wk", numbered(9))
            assert vendor.gate is not None
            vendor.gate.set()
            await forwarder.drain()
            clock.advance(timedelta(hours=1))
            for _ in range(20):
                await asyncio.sleep(0)
            assert [d.outcome for d in forwarder.deliveries("wk")] == [Delivered()]
            assert vendor.most_under_way == 1
        return vendor.keys

    assert asyncio.run(run()) == ["m-0", "m-9"]


def test_one_origin_is_forgotten_and_another_is_not() -> None:
    vendors = Vendors(wk=Scripted(answer(503)), other=Scripted(answer(503), OK))

    async def run() -> Any:
        clock = frozen()
        async with forwarding(vendors, clock) as forwarder:
            forwarder.accept("wk", EVENT)
            forwarder.accept("other", EVENT)
            await until(waits(forwarder))
            await until(lambda: forwarder.deliveries("other")[0].outcome is not None)
            forwarder.forget("wk")
            clock.advance(timedelta(minutes=1))
            await forwarder.drain()
            return forwarder.deliveries("other")[0].outcome

    assert asyncio.run(run()) == Delivered()


def test_what_comes_back_while_the_forwarder_closes_does_not_wait_for_its_clock() -> None:
    async def run() -> set[asyncio.Task[Any]]:
        vendor = held(answer(503))
        async with forwarding(vendor, frozen(NOW)) as forwarder:
            forwarder.accept("wk", EVENT)
            await until(lambda: vendor.under_way == 1)
            closing = asyncio.ensure_future(forwarder.close())
            await asyncio.sleep(0)
            assert vendor.gate is not None
            vendor.gate.set()
            await closing
            assert waits(forwarder)()
            return others()

    assert asyncio.run(run()) == set()


@pytest.mark.parametrize("steps", range(5))
def test_a_forwarder_closes_though_a_clock_moves_in_the_same_moment(steps: int) -> None:
    async def run() -> None:
        clock = Clock(lambda: NOW)
        async with forwarding(Scripted(answer(503, retry_after="60")), clock) as forwarder:
            forwarder.accept("wk", EVENT)
            await until(waits(forwarder))
            for _ in range(3):
                await asyncio.sleep(0)
            clock.advance(timedelta(seconds=1))
            for _ in range(steps):
                await asyncio.sleep(0)
            await asyncio.wait_for(forwarder.close(), 20)

    asyncio.run(run())
