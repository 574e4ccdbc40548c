"""Events older than a vendor takes: told before they are sent, or brought in a backfill."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from sandbox.faults import Fault
from tests.translators.forwarding.scripted import NOW, Scripted, answer, forwarding, frozen, until
from tests.translators.forwarding.test_batches import Beside, event
from translators.forwarding.outcome import Dead, Delivered
from translators.forwarding.terms import Terms

RULE = "orb.ingest.grace-period"


def aged(n: int, **age: Any) -> dict[str, Any]:
    return event(n, timestamp=(NOW - timedelta(**age)).isoformat())


def mixed(late: int, fresh: int) -> list[dict[str, Any]]:
    return [aged(n, days=2) for n in range(late)] + [event(n) for n in range(late, late + fresh)]


def endpoints(beside: Beside) -> Counter[str | None]:
    return Counter(exchange.endpoint for exchange in beside.exchanges)


def test_what_is_too_old_is_told_and_not_sent() -> None:
    beside = Beside(late="dead")
    deliveries = beside.forward(mixed(3, 5))
    dead = [delivery.outcome for delivery in deliveries[:3]]
    reason = "the event is older than 12h, and would be refused; a backfill would take it"
    assert dead == [Dead(f"{reason} [{RULE}]", "LATE", RULE)] * 3
    assert [delivery.attempts for delivery in deliveries[:3]] == [()] * 3
    assert (beside.billed, beside.requests) == (5, 1)


def test_by_default_what_is_too_old_is_sent_as_segment_does() -> None:
    beside = Beside()
    deliveries = beside.forward([aged(1, days=2)])
    assert isinstance(deliveries[0].outcome, Dead)
    assert deliveries[0].outcome.code == "400|BAD_REQUEST"
    assert beside.requests == 1


def test_how_old_is_too_old_follows_the_switch() -> None:
    beside = Beside(late="dead", settings={RULE: "3d"})
    beside.account.set(RULE, "3d")
    deliveries = beside.forward([aged(1, days=2), aged(2, days=4)])
    assert deliveries[0].outcome == Delivered()
    assert isinstance(deliveries[1].outcome, Dead)
    assert "older than 3d" in deliveries[1].outcome.reason


def test_a_backfill_brings_what_is_too_old() -> None:
    beside = Beside(late="backfill")
    deliveries = beside.forward(mixed(700, 300))
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    assert beside.billed == 1_000
    opened = endpoints(beside)["create-backfill"]
    assert opened == endpoints(beside)["close-backfill"]
    assert opened <= 3


def test_what_is_months_apart_goes_into_backfills_of_its_own() -> None:
    beside = Beside(late="backfill")
    deliveries = beside.forward([aged(n, days=20 * n) for n in range(1, 10)])
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    assert beside.billed == 9


@pytest.mark.parametrize("kind", ["lost-reply", "reset", "status-after"])
@pytest.mark.parametrize("skip", range(4))
def test_whatever_goes_wrong_on_the_way_it_is_billed_once(kind: Any, skip: int) -> None:
    """The request that is lost is, by turns, the opening, the usage, the closing, and one after."""
    beside = Beside(late="backfill")
    beside.account.faults.add(Fault(kind, status=503, times=2, skip=skip))
    deliveries = beside.forward([aged(n, days=2) for n in range(20)], step=20)
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    beside.clock.advance(timedelta(hours=2))  # one that was left open has closed by then
    beside.account.collect(None, beside.clock.now())
    assert beside.billed == 20


def test_a_bad_event_among_late_ones_costs_no_other() -> None:
    beside = Beside(late="backfill")
    events = [aged(n, days=2) for n in range(50)]
    events[17]["properties"] = {"amount": {"nested": True}}
    deliveries = beside.forward(events)
    [dead] = [d for d in deliveries if d.outcome != Delivered()]
    assert dead.event["messageId"] == "m-17"
    assert isinstance(dead.outcome, Dead)
    assert dead.outcome.rule == "orb.ingest.primitives"
    assert beside.billed == 49


def paths_after(act: str) -> list[str]:
    """What is sent when something happens to months of usage while its first backfill is opened."""
    vendor = Scripted(answer(200, {"id": "b-1"}))
    vendor.gate = asyncio.Event()

    async def run() -> None:
        terms = Terms(late="backfill")
        async with forwarding(vendor, frozen(), terms=terms, batching=True) as forwarder:
            forwarder.take("wk", [aged(n, days=40 * n) for n in range(1, 5)])
            await until(lambda: vendor.under_way == 1)
            done = asyncio.ensure_future(forwarder.close()) if act == "close" else None
            if done is None:
                forwarder.forget("wk")
            await asyncio.sleep(0)
            assert vendor.gate is not None
            vendor.gate.set()
            await (done or forwarder.drain())
            assert await forwarder.waiting() == (4 if act == "close" else 0)

    asyncio.run(run())
    return [path.removeprefix("/orb/v1/") for path in vendor.paths]


@pytest.mark.parametrize("act", ["close", "forget"])
def test_no_other_backfill_is_opened_and_nothing_sent_when_it_is_over(act: str) -> None:
    assert paths_after(act) == ["events/backfills", "events/backfills/b-1/close"]
