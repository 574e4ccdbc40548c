"""The forwarder against the sandbox: what goes wrong on the way, and what is billed in the end."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from sandbox.account import Account
from sandbox.app import Options, create_app
from sandbox.clock import Clock
from sandbox.faults import Fault
from tests.translators.forwarding.scripted import EVENT, NOW, forwarding, frozen
from translators.forwarding.outbox import Delivery
from translators.forwarding.outcome import Dead, Delivered, Retry
from translators.forwarding.worker import Forwarder

KEY = "key-of-wk"


def billed(account: Account) -> list[tuple[str | None, str | None, Any]]:
    return [(total.customer, total.meter, total.quantity) for total in account.ledger.totals()]


async def carried(forwarder: Forwarder, clock: Clock, *, events: int) -> tuple[Delivery, ...]:
    """All deliveries once they are settled, the clock advanced whenever all others wait."""
    while not all(delivery.settled for delivery in forwarder.deliveries("wk")):
        await asyncio.sleep(0)
        if any(isinstance(d.outcome, Retry) for d in forwarder.deliveries("wk")):
            clock.advance(timedelta(seconds=1))
    assert len(forwarder.deliveries("wk")) == events
    return forwarder.deliveries("wk")


def forwarded(
    *faults: Fault, events: list[dict[str, Any]] | None = None
) -> tuple[tuple[Delivery, ...], Account]:
    """Deliver to an Orb that knows the customer acme and suffers these faults."""
    clock = frozen()
    sandbox = create_app(Options(source=clock.now))
    account = sandbox.accounts.open("orb", KEY)
    account.set("orb.ingest.unknown-external-customer", "billed")
    for fault in faults:
        account.faults.add(fault)

    async def run() -> tuple[Delivery, ...]:
        async with forwarding(sandbox, clock, base_url="http://127.0.0.1/orb") as forwarder:
            for event in events or [EVENT]:
                forwarder.accept("wk", event)
            return await carried(forwarder, clock, events=len(events or [EVENT]))

    return asyncio.run(run()), account


def test_a_delivered_event_is_billed_and_names_its_exchange() -> None:
    [delivery], account = forwarded()
    assert delivery.outcome == Delivered()
    assert delivery.attempts[0].exchange == f"orb-{account.handle}-1"
    assert billed(account) == [("acme", "payment_confirmed", 1)]


def test_a_lost_reply_is_retried_and_billed_once() -> None:
    [delivery], account = forwarded(Fault("lost-reply"))
    assert delivery.outcome == Delivered()
    assert [attempt.status for attempt in delivery.attempts] == [None, 200]
    assert [entry.outcome for entry in account.ledger.entries()] == ["accepted", "duplicate"]
    assert billed(account) == [("acme", "payment_confirmed", 1)]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=503, times=3),
        Fault("status", status=429, retry_after=30),
        Fault("reset", times=2),
        Fault("lost-reply", times=4),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_no_fault_loses_or_doubles_usage(fault: Fault) -> None:
    events = [{**EVENT, "messageId": f"m-{n}"} for n in range(6)]
    deliveries, account = forwarded(fault, events=events)
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    assert billed(account) == [("acme", "payment_confirmed", 6)]


def test_an_event_past_the_grace_period_is_dead_in_the_vendors_words() -> None:
    [delivery], account = forwarded(events=[{**EVENT, "timestamp": "2026-01-14T00:00:00Z"}])
    assert isinstance(delivery.outcome, Dead)
    assert delivery.outcome.code == "400|BAD_REQUEST"
    assert "must be later than 2026-01-15T00:00:00+00:00" in delivery.outcome.reason
    assert billed(account) == []


def test_each_origin_bills_under_its_own_key() -> None:
    sandbox = create_app(Options(source=lambda: NOW))

    async def run() -> None:
        async with forwarding(sandbox, frozen(), base_url="http://127.0.0.1/orb") as forwarder:
            forwarder.accept("one", EVENT)
            forwarder.accept("other", EVENT)
            await forwarder.drain()

    asyncio.run(run())
    sizes = {
        key: len(list(sandbox.accounts.open("orb", key).ledger.entries()))
        for key in ("key-of-one", "key-of-other", KEY)
    }
    assert sizes == {"key-of-one": 1, "key-of-other": 1, KEY: 0}
