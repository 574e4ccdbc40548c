"""Four hours without a vendor, on a clock that a test moves: nothing is lost, and nobody storms."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import mean

import pytest

from sandbox.faults import Fault
from tests.translators.forwarding.scripted import NOW
from tests.translators.forwarding.test_batches import Beside, event
from translators.forwarding.outcome import Dead, Delivered, Retry

OUTAGE = timedelta(hours=4)
BACK = NOW + OUTAGE - timedelta(minutes=1)
"""Segment gives an event up four hours after its first try; the vendor is back just before."""


def outage(until: datetime = BACK, status: int = 503, retry_after: int | None = None) -> Fault:
    end = until.isoformat()
    return Fault("status", times=None, until=end, status=status, retry_after=retry_after)


def tries(beside: Beside) -> list[datetime]:
    return [exchange.at for exchange in beside.exchanges]


@pytest.mark.parametrize(("breaker", "count"), [(None, 200), (5, 1_000)], ids=["none", "breaker"])
def test_everything_is_delivered_after_four_hours_of_outage(
    breaker: int | None, count: int
) -> None:
    beside = Beside(breaker=breaker)
    beside.account.set("orb.ingest.grace-period", "1d")
    beside.account.faults.add(outage())
    deliveries = beside.forward([event(n) for n in range(count)], step=15)
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    assert beside.billed == count
    times = tries(beside)
    assert times[-1] >= BACK
    assert len(times) < 500, "an outage costs few requests"


def test_tries_are_spread_and_ever_rarer() -> None:
    """Deliveries that failed together come back apart: their waits are drawn one by one."""
    beside = Beside(batching=False)
    beside.account.set("orb.ingest.grace-period", "1d")
    beside.account.faults.add(outage())
    deliveries = beside.forward([event(n) for n in range(40)], step=5)
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    for nth in (3, 6, 9):
        moments = {delivery.attempts[nth].at for delivery in deliveries}
        assert len(moments) > 5, f"try {nth} of all came within few moments"
    waits = [[attempt.waited for attempt in delivery.attempts[1:]] for delivery in deliveries]
    early = mean(wait.total_seconds() for some in waits for wait in some[:3])
    late = mean(wait.total_seconds() for some in waits for wait in some[8:11])
    assert late > 20 * early
    assert all(wait <= timedelta(seconds=2**n) for some in waits for n, wait in enumerate(some))


@pytest.mark.parametrize("breaker", [None, 5], ids=["no breaker", "breaker"])
def test_what_the_vendor_asks_with_retry_after_is_kept(breaker: int | None) -> None:
    beside = Beside(breaker=breaker)
    beside.account.set("orb.ingest.grace-period", "1d")
    # A wait that would end after the four hours is not begun: the vendor must be back before.
    back = NOW + timedelta(hours=3, minutes=30)
    beside.account.faults.add(outage(back, status=429, retry_after=900))
    deliveries = beside.forward([event(n) for n in range(100)], step=15)
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    times = [exchange.at for exchange in beside.exchanges]
    refused = sum(exchange.reply.status == 429 for exchange in beside.exchanges)
    gaps = [later - earlier for earlier, later in pairwise(times[: refused + 1])]
    assert refused > 5
    assert min(gaps) >= timedelta(seconds=900)


def test_an_event_whose_four_hours_are_over_is_dead_and_told_so() -> None:
    beside = Beside()
    beside.account.faults.add(Fault("status", times=None, status=503))
    deliveries = beside.forward([event(n) for n in range(10)], step=60)
    for delivery in deliveries:
        assert isinstance(delivery.outcome, Dead)
        assert delivery.outcome.reason.startswith("gave up after 4h")
        assert isinstance(delivery.attempts[-1].outcome, Retry)
    assert asyncio.run(beside.forwarder.waiting()) == 0
