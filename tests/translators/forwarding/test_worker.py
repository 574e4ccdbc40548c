"""The forwarder against a vendor that answers by script: retries, filters, ends and limits."""

import asyncio
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

import httpx
import pytest

from tests.translators.forwarding.scripted import (
    EVENT,
    NOW,
    SETTINGS,
    Answer,
    Scripted,
    answer,
    forwarding,
    frozen,
    until,
)
from translators.forwarding.delivery import Target
from translators.forwarding.outbox import Delivery
from translators.forwarding.outcome import Dead, Delivered, Filtered, Retry
from translators.forwarding.sqlite import SqliteOutbox
from translators.forwarding.worker import Closed, Destination, Forwarder

OK = answer(200, {"validation_failed": []})


def changed(forwarder: Forwarder, seen: Delivery) -> bool:
    return forwarder.deliveries(seen.origin)[0] != seen


def delivered(
    *script: Answer,
    event: Any = EVENT,
    settings: dict[str, Any] | None = None,
    scale: float = 1.0,
    step: timedelta | None = None,
) -> tuple[Delivery, Scripted]:
    """What becomes of one event, with `step` of time for each wait (by default, all it needs)."""
    vendor = Scripted(*script)

    async def run() -> Delivery:
        clock = frozen()
        async with forwarding(vendor, clock, settings=settings, scale=scale) as forwarder:
            forwarder.accept("wk", event)
            drained = asyncio.ensure_future(forwarder.drain())
            while not drained.done():
                await asyncio.sleep(0)
                [delivery] = forwarder.deliveries("wk")
                if isinstance(delivery.outcome, Retry):
                    clock.advance(step or delivery.wait)
                    await until(partial(changed, forwarder, delivery))
            await drained
            [delivery] = forwarder.deliveries("wk")
            return delivery

    return asyncio.run(run()), vendor


def test_an_event_is_delivered_in_one_try() -> None:
    delivery, vendor = delivered(OK)
    assert delivery.outcome == Delivered()
    assert delivery.reason is None
    assert [(a.at, a.waited, a.status) for a in delivery.attempts] == [(NOW, timedelta(), 200)]
    assert [request.body for request in delivery.requests or ()] == vendor.bodies


def test_a_503_is_retried_with_the_same_body_and_delivered_once() -> None:
    delivery, vendor = delivered(answer(503, {"message": "down"}), OK)
    assert delivery.outcome == Delivered()
    assert vendor.keys == ["m-1", "m-1"]
    assert vendor.bodies[0] == vendor.bodies[1]
    first, second = delivery.attempts
    assert first.outcome == Retry(None, "503: down", "503")
    assert timedelta() < second.waited <= timedelta(seconds=1)
    assert second.at == first.at + second.waited


def test_a_lost_answer_is_retried() -> None:
    delivery, vendor = delivered(ConnectionResetError("no answer came"), OK)
    assert delivery.outcome == Delivered()
    assert vendor.keys == ["m-1", "m-1"]
    assert delivery.attempts[0].outcome == Retry(None, "no answer came", "ECONNRESET")


def test_retry_after_waits_on_the_origins_clock() -> None:
    vendor = Scripted(answer(429, retry_after="120"), OK)

    async def run() -> None:
        clock = frozen()
        async with forwarding(vendor, clock) as forwarder:
            forwarder.accept("wk", EVENT)
            await until(lambda: forwarder.deliveries("wk")[0].outcome is not None)
            clock.advance(timedelta(seconds=119))
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(vendor.bodies) == 1
            clock.advance(timedelta(seconds=1))
            await forwarder.drain()
            [delivery] = forwarder.deliveries("wk")
            assert delivery.attempts[1].waited == timedelta(seconds=120)

    asyncio.run(run())
    assert len(vendor.bodies) == 2


def test_each_origin_waits_on_its_own_clock() -> None:
    vendor = Scripted(answer(503, retry_after="60"), answer(503, retry_after="60"), OK)
    clocks = {"one": frozen(), "other": frozen()}

    async def run() -> dict[str, bool]:
        transport = httpx.ASGITransport(app=vendor)
        destination = Destination(
            "orb", SETTINGS, lambda _: Target("http://v.test", "k", transport)
        )
        async with (
            asyncio.timeout(10),
            Forwarder(
                [destination],
                lambda origin, length: clocks[origin].sleep(length),
                lambda origin: clocks[origin].now(),
                Random(1),
            ) as forwarder,
        ):
            for origin in clocks:
                forwarder.accept(origin, EVENT)
            await until(lambda: len(vendor.bodies) == 2)
            await until(lambda: all(forwarder.deliveries(o)[0].outcome for o in clocks))
            clocks["other"].advance(timedelta(seconds=60))
            await until(lambda: forwarder.deliveries("other")[0].settled)
            return {origin: forwarder.deliveries(origin)[0].settled for origin in clocks}

    assert asyncio.run(run()) == {"one": False, "other": True}


def test_a_400_is_dead_with_the_vendors_message() -> None:
    delivery, vendor = delivered(answer(400, {"message": "event_name is empty"}))
    assert delivery.outcome == Dead("400: event_name is empty", "400|BAD_REQUEST")
    assert delivery.reason == "400: event_name is empty"
    assert len(vendor.bodies) == 1


def test_an_event_is_given_up_after_four_hours_under_its_last_code() -> None:
    delivery, vendor = delivered(answer(502, {"message": "bad gateway"}))
    tries = len(vendor.bodies)
    last = f"gave up after 4h, try {tries}: 502: bad gateway"
    assert delivery.outcome == Dead(last, "502")
    assert delivery.attempts[-1].at - delivery.attempts[0].at == timedelta(hours=4)
    assert len(delivery.attempts) == tries


def test_a_clock_that_leaps_past_the_window_brings_one_last_try() -> None:
    delivery, vendor = delivered(answer(503), step=timedelta(hours=5))
    assert len(vendor.bodies) == 2
    assert delivery.outcome == Dead("gave up after 5h, try 2: 503: {}", "503")


def test_a_compressed_window_gives_up_sooner() -> None:
    delivery, _ = delivered(answer(503), scale=0.001)
    assert isinstance(delivery.outcome, Dead)
    assert delivery.outcome.reason.startswith("gave up after 14.4s, ")


def test_a_named_destination_is_served_where_all_others_are_off() -> None:
    delivery, _ = delivered(OK, event={**EVENT, "integrations": {"All": False, "Orb": True}})
    assert delivery.outcome == Delivered()


def test_a_lower_case_name_names_nothing() -> None:
    event = {**EVENT, "integrations": {"All": False, "orb": True}}
    delivery, vendor = delivered(OK, event=event)
    assert delivery.outcome == Filtered(
        "integrations.All is false", "FILTERED_BY_INTEGRATIONS_OBJECT"
    )
    assert delivery.requests == ()
    assert vendor.bodies == []


def test_an_event_that_names_no_customer_is_dead_with_place_and_rule() -> None:
    event = {key: value for key, value in EVENT.items() if key != "userId"}
    delivery, vendor = delivered(OK, event=event)
    assert delivery.outcome == Dead(
        "$.userId: external_customer_id wants text, and userId is None [orb.segment.customer]",
        "MESSAGE_REJECTED",
        "orb.segment.customer",
    )
    assert vendor.bodies == []


def test_a_type_the_vendor_does_not_take_is_dead_as_unsupported() -> None:
    delivery, _ = delivered(OK, event={**EVENT, "type": "identify"})
    assert isinstance(delivery.outcome, Dead)
    assert delivery.outcome.code == "UNSUPPORTED_EVENT_TYPE"


def test_what_is_no_segment_event_is_dead() -> None:
    delivery, _ = delivered(OK, event={"type": "shout"})
    assert isinstance(delivery.outcome, Dead)
    assert delivery.outcome.code == "MESSAGE_REJECTED"
    assert delivery.outcome.reason.startswith("$.type: 'shout' is not one of")


def test_settings_that_cannot_be_used_are_told_with_each_event() -> None:
    delivery, _ = delivered(OK, settings={"propertiesMappingFields": {}})
    assert delivery.outcome == Dead("externalCustomerIdField: is required", "INVALID_SETTINGS")


def test_a_fault_of_ours_costs_one_delivery_and_is_seen() -> None:
    vendor = Scripted(OK)

    def key(origin: str) -> str:
        return {"good": "k"}[origin]

    async def run() -> list[Any]:
        async with forwarding(vendor, frozen(), key=key, concurrency=1) as forwarder:
            for origin in ("bad", "good"):
                forwarder.accept(origin, EVENT)
            await forwarder.drain()
            return [forwarder.deliveries(origin)[0].outcome for origin in ("bad", "good")]

    assert asyncio.run(run()) == [Dead("meterbox failed with KeyError", "INTERNAL"), Delivered()]


def test_a_fault_while_waiting_is_seen_too() -> None:
    async def broken(_: str, __: timedelta) -> None:
        raise LookupError("the clock is gone")

    async def run() -> Any:
        transport = httpx.ASGITransport(app=Scripted(answer(503)))
        destination = Destination(
            "orb", SETTINGS, lambda _: Target("http://v.test", "k", transport)
        )
        async with (
            asyncio.timeout(10),
            Forwarder([destination], broken, lambda _: NOW, Random(1)) as forwarder,
        ):
            forwarder.accept("wk", EVENT)
            await forwarder.drain()
            return forwarder.deliveries("wk")[0]

    delivery = asyncio.run(run())
    assert delivery.outcome == Dead("meterbox failed with LookupError", "INTERNAL")
    assert len(delivery.attempts) == 1


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_requests_are_under_way_than_allowed(most: int) -> None:
    vendor = Scripted(OK)

    async def run() -> None:
        async with forwarding(vendor, frozen(), concurrency=most) as forwarder:
            for n in range(12):
                forwarder.accept("wk", {**EVENT, "messageId": f"m-{n}"})
            await forwarder.drain()

    asyncio.run(run())
    assert len(vendor.bodies) == 12
    assert vendor.most_under_way == most


def test_a_delivery_that_waits_holds_up_no_other() -> None:
    vendor = Scripted(answer(503, retry_after="600"), OK)

    async def run() -> list[bool]:
        async with forwarding(vendor, frozen(), concurrency=1) as forwarder:
            forwarder.accept("wk", EVENT)
            forwarder.accept("wk", {**EVENT, "messageId": "m-2"})
            await until(lambda: forwarder.deliveries("wk")[1].settled)
            return [delivery.settled for delivery in forwarder.deliveries("wk")]

    assert asyncio.run(run()) == [False, True]


def test_a_closing_forwarder_finishes_what_is_under_way_and_begins_nothing() -> None:
    vendor = Scripted(OK)
    vendor.gate = asyncio.Event()

    async def run() -> list[bool]:
        async with forwarding(vendor, frozen(), concurrency=1) as forwarder:
            for n in range(3):
                forwarder.accept("wk", {**EVENT, "messageId": f"m-{n}"})
            await until(lambda: vendor.under_way == 1)
            closing = asyncio.ensure_future(forwarder.close())
            await asyncio.sleep(0)
            assert vendor.gate is not None
            vendor.gate.set()
            await closing
            return [delivery.settled for delivery in forwarder.deliveries("wk")]

    assert asyncio.run(run()) == [True, False, False]
    assert vendor.keys == ["m-0"]


def test_a_drain_ends_with_an_error_when_the_forwarder_closes() -> None:
    async def run() -> None:
        async with forwarding(Scripted(answer(503)), frozen()) as forwarder:
            forwarder.accept("wk", EVENT)
            await until(lambda: forwarder.deliveries("wk")[0].outcome is not None)
            drained = asyncio.ensure_future(forwarder.drain())
            await asyncio.sleep(0)
            await forwarder.close()
            with pytest.raises(Closed, match="1 deliveries were not made"):
                await drained

    asyncio.run(run())


def test_an_event_may_come_before_the_forwarder_works() -> None:
    async def run() -> Any:
        transport = httpx.ASGITransport(app=Scripted(OK))
        destination = Destination(
            "orb", SETTINGS, lambda _: Target("http://v.test", "k", transport)
        )
        clock = frozen()
        forwarder = Forwarder(
            [destination], lambda _, length: clock.sleep(length), lambda _: NOW, Random(1)
        )
        forwarder.accept("wk", EVENT)
        async with asyncio.timeout(10), forwarder:
            await forwarder.drain()
        return forwarder.deliveries("wk")[0].outcome

    assert asyncio.run(run()) == Delivered()


def test_what_does_not_fit_into_the_outbox_is_dead_and_never_sent() -> None:
    vendor = Scripted(OK)

    async def run() -> list[Any]:
        async with forwarding(vendor, frozen(), outbox=SqliteOutbox(most=2)) as forwarder:
            for n in range(3):
                forwarder.accept("wk", {**EVENT, "messageId": f"m-{n}"})
            await forwarder.drain()
            return [delivery.outcome for delivery in forwarder.deliveries("wk")]

    outcomes = asyncio.run(run())
    assert outcomes[:2] == [Delivered(), Delivered()]
    assert isinstance(outcomes[2], Dead)
    assert sorted(vendor.keys) == ["m-0", "m-1"]


def test_settled_deliveries_beyond_the_bound_are_counted() -> None:
    async def run() -> tuple[int, int]:
        async with forwarding(Scripted(OK), frozen(), outbox=SqliteOutbox(kept=2)) as forwarder:
            for n in range(5):
                forwarder.accept("wk", {**EVENT, "messageId": f"m-{n}"})
            await forwarder.drain()
            return len(forwarder.deliveries("wk")), forwarder.dropped("wk")

    assert asyncio.run(run()) == (2, 3)
