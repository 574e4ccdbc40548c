"""Events that go together, and the one among them that a vendor refuses."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import log2
from random import Random
from typing import Any

import httpx
import pytest

from contracts.reader import read
from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.faults import Fault
from sandbox.journal import Exchange
from tests.translators.forwarding.scripted import EVENT, NOW, SETTINGS, frozen
from translators.forwarding.delivery import Target
from translators.forwarding.outbox import Delivery, Outbox, OutboxFault
from translators.forwarding.outcome import Dead, Delivered
from translators.forwarding.sqlite import SqliteOutbox
from translators.forwarding.terms import Terms
from translators.forwarding.worker import Destination, Forwarder

CUSTOMERS = {"orb": "orb.ingest.unknown-external-customer"}
OF: Mapping[str, Mapping[str, Any]] = {
    "orb": SETTINGS,
    "amberflo": {},
    "hyperline": {"recordProperties": {"amount": "amount"}},
    "kana": {},
}
LATE = {"timestamp": "2026-01-10T00:00:00.000Z"}


def event(n: int, **more: Any) -> dict[str, Any]:
    return {**EVENT, "messageId": f"m-{n}", **more}


class Beside:
    """A vendor of the sandbox, and a forwarder to it."""

    def __init__(
        self,
        vendor: str = "orb",
        *,
        batching: bool = True,
        outbox: Outbox | None = None,
        **terms: Any,
    ) -> None:
        self.clock = frozen()
        self.sandbox: Sandbox = create_app(Options(source=self.clock.now))
        self.account: Account = self.sandbox.accounts.open(vendor, read(vendor).key("batches"))
        if vendor in CUSTOMERS:
            self.account.set(CUSTOMERS[vendor], "billed")
        transport = httpx.ASGITransport(app=self.sandbox)
        target = Target(f"http://127.0.0.1/{vendor}", self.account.key, transport)
        self.forwarder = Forwarder(
            [Destination(vendor, OF[vendor], lambda _: target)],
            lambda _, length: self.clock.sleep(length),
            lambda _: self.clock.now(),
            Random(3),
            terms=Terms(**terms),
            batching=batching,
            outbox=outbox,
        )

    def forward(
        self, events: Sequence[dict[str, Any]], step: float = 0.2, breath: float = 0
    ) -> tuple[Delivery, ...]:
        """Forward events, the clock running as fast as it is waited for, by steps in seconds, with
        a breath between them where something takes its time by the machine's clock."""

        async def run() -> None:
            async with asyncio.timeout(120), self.forwarder:
                self.forwarder.take("wk", events)
                drained = asyncio.ensure_future(self.forwarder.drain())
                while not drained.done():
                    await asyncio.sleep(breath)
                    self.clock.advance(timedelta(seconds=step))
                await drained

        asyncio.run(run())
        return self.forwarder.deliveries("wk")

    @property
    def exchanges(self) -> list[Exchange]:
        journal = self.account.journal
        found = [journal.get(number) for number in range(1, journal.next)]
        return [exchange for exchange in found if exchange is not None]

    @property
    def requests(self) -> int:
        return self.account.journal.next - 1

    @property
    def billed(self) -> Any:
        return sum(total.quantity for total in self.account.ledger.totals())


def test_many_events_need_few_requests() -> None:
    beside = Beside()
    deliveries = beside.forward([event(n) for n in range(1_200)])
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    assert (beside.billed, beside.requests) == (1_200, 3)


@pytest.mark.parametrize("place", [0, 1, 249, 250, 333, 498, 499])
def test_one_bad_event_in_a_batch_costs_no_other_and_few_requests(place: int) -> None:
    beside = Beside()
    events = [event(n) for n in range(500)]
    events[place]["timestamp"] = "yesterday"
    deliveries = beside.forward(events)
    assert beside.billed == 499
    [dead] = [delivery for delivery in deliveries if delivery.outcome != Delivered()]
    assert dead.event["messageId"] == f"m-{place}"
    assert isinstance(dead.outcome, Dead)
    assert dead.outcome.rule == "orb.ingest.timestamp"
    assert dead.outcome.code == "400|BAD_REQUEST"
    assert beside.requests <= 2 * log2(500) + 1


def test_several_bad_events_are_all_found() -> None:
    beside = Beside()
    bad = {7, 8, 200, 499}
    events = [event(n, **(LATE if n in bad else {})) for n in range(500)]
    deliveries = beside.forward(events)
    dead = {d.event["messageId"] for d in deliveries if isinstance(d.outcome, Dead)}
    assert dead == {f"m-{n}" for n in bad}
    assert beside.billed == 496


def test_bad_events_alone_cost_little_more_than_a_request_for_each() -> None:
    beside = Beside()
    deliveries = beside.forward([event(n, **LATE) for n in range(200)])
    assert {type(delivery.outcome) for delivery in deliveries} == {Dead}
    assert beside.requests < 300
    assert max(len(delivery.attempts) for delivery in deliveries) < 10


def test_after_bad_events_batches_grow_again() -> None:
    beside = Beside(concurrency=1)
    beside.forward([event(n, **(LATE if n < 50 else {})) for n in range(2_500)])
    sizes = [len(json.loads(exchange.request.body)["events"]) for exchange in beside.exchanges]
    assert min(sizes) == 1
    assert sizes[-2] == 500


@pytest.mark.parametrize("kind", ["lost-reply", "reset", "status-after"])
def test_a_batch_whose_fate_is_unknown_is_sent_again_and_billed_once(kind: Any) -> None:
    beside = Beside()
    beside.account.faults.add(Fault(kind, status=503, times=3))
    deliveries = beside.forward([event(n) for n in range(700)])
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    assert beside.billed == 700


def test_faults_in_the_middle_of_a_search_lose_and_double_nothing() -> None:
    beside = Beside()
    beside.account.faults.add(Fault("lost-reply", times=20, every=2))
    events = [event(n, **(LATE if n == 123 else {})) for n in range(500)]
    deliveries = beside.forward(events)
    outcomes = Counter(type(delivery.outcome) for delivery in deliveries)
    assert outcomes == {Delivered: 499, Dead: 1}
    assert beside.billed == 499


def test_a_refusal_of_the_key_is_no_reason_to_search() -> None:
    beside = Beside()
    beside.account.faults.add(Fault("status", status=401, times=None))
    deliveries = beside.forward([event(n) for n in range(100)])
    assert {type(delivery.outcome) for delivery in deliveries} == {Dead}
    assert beside.requests == 1


def test_what_fails_inside_a_yes_is_tried_alone_and_told() -> None:
    """Hyperline keeps the others of a batch, and names those it did not take in a 201."""
    beside = Beside("hyperline")
    events = [event(n, userId="known" if n % 5 else "stranger") for n in range(50)]

    async def create() -> None:
        transport = httpx.ASGITransport(app=beside.sandbox)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            headers = {"authorization": f"Bearer {beside.account.key}"}
            body = {"external_id": "known", "type": "corporate", "name": "K", "currency": "EUR"}
            made = await client.post("/hyperline/v1/customers", json=body, headers=headers)
            assert made.status_code == 201, made.text

    asyncio.run(create())
    deliveries = beside.forward(events)
    dead = [d.event["userId"] for d in deliveries if isinstance(d.outcome, Dead)]
    assert dead == ["stranger"] * 10
    assert beside.billed == 40


def test_events_of_different_kinds_go_apart() -> None:
    beside = Beside("amberflo")
    people = [event(n, type="identify", traits={"name": f"n{n}"}) for n in range(3)]
    deliveries = beside.forward([*people, *(event(n) for n in range(3, 253))])
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    endpoints = Counter(exchange.endpoint for exchange in beside.exchanges)
    assert endpoints == {"replace-customer": 3, "ingest": 3}


def test_a_breaker_makes_an_outage_cost_few_requests_and_no_event() -> None:
    beside = Beside(breaker=3)
    end = (NOW + timedelta(hours=3)).isoformat()
    beside.account.faults.add(Fault("status", status=503, times=None, until=end))
    deliveries = beside.forward([event(n) for n in range(2_000)], step=20)
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    assert beside.billed == 2_000
    assert beside.requests < 400


@pytest.mark.parametrize("ordered", [True, False])
def test_in_order_a_customers_events_arrive_as_they_came(*, ordered: bool) -> None:
    beside = Beside("kana", ordered=ordered, concurrency=4)
    beside.account.faults.add(Fault("status", status=503, times=40, every=3))
    events = [event(n, userId=f"u{n % 3}", event="call") for n in range(60)]
    deliveries = beside.forward(events)
    assert {delivery.outcome for delivery in deliveries} == {Delivered()}
    came: dict[str, list[int]] = {}
    for exchange in beside.exchanges:
        if exchange.reply.status < 300:
            told = json.loads(exchange.request.body)
            came.setdefault(told["userId"], []).append(int(told["messageId"][2:]))
    in_order = all(numbers == sorted(numbers) for numbers in came.values())
    assert in_order is ordered


class Faulty(SqliteOutbox):
    """Cannot be read once, as a database that is gone for a moment."""

    claims = 0

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self.fault = fault

    async def claim(self, *which: Any, **more: Any) -> Sequence[Delivery]:
        self.claims += 1
        if self.claims == 2:
            raise self.fault
        return await super().claim(*which, **more)


@pytest.mark.parametrize("fault", [OutboxFault("it is away"), ValueError("a fault of ours")])
def test_when_the_outbox_was_away_everything_is_sent_after_all(fault: Exception) -> None:
    outbox = Faulty(fault)
    beside = Beside(outbox=outbox, batching=False, concurrency=8)
    found = beside.forward([event(n) for n in range(20)], breath=0.01)
    assert [len(delivery.attempts) for delivery in found] == [1] * 20
    assert outbox.claims > 2
