"""The room against the model: whatever is done to them, they answer and bill alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sandbox.app import Options, create_app
from tests.acme import NOW
from tests.sandbox.orb.conversation import Conversation
from tests.sandbox.orb.model import Backfill, Event, Model, Record

EXAMPLES, STEPS = 80, 50  # 4,000 steps
ORB = create_app(Options(vendors=["orb"], source=lambda: NOW))
KEYS = st.sampled_from([f"k{n}" for n in range(8)])
CUSTOMERS = st.sampled_from(["acme", "globex", "ghost"])
NAMES = st.sampled_from(["call", "seat"])
AMOUNTS = st.sampled_from([1, 9])
AGES = st.sampled_from([0, 20, 300, 600, 720, 721, -5, -6])  # minutes
FRAMES = st.sampled_from([(2880, 720), (4000, 1000), (1440, 720), (900, 0), (900, 600)])
STEP = st.sampled_from([1, 30, 200, 700, 1500])
PLACES = st.sampled_from([0.0, 0.3, 0.5, 0.9, 0.99, 1.0])  # in a frame
SELDOM = st.sampled_from([False, False, False, True])


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def body(event: Event) -> dict[str, Any]:
    return {
        "event_name": event.name,
        "timestamp": event.at.isoformat(),
        "external_customer_id": event.customer,
        "properties": {"n": event.n},
    }


def whole(event: Event) -> dict[str, Any]:
    return {**body(event), "idempotency_key": event.key}


class Both(RuleBasedStateMachine):
    """Does everything to the room and to the model."""

    make: Callable[[], Model] = Model

    def __init__(self) -> None:
        super().__init__()
        self.orb = Conversation(ORB)
        self.orb.account.reset()
        self.model = type(self).make()
        self.ids: list[str] = []
        for name in ("acme", "globex"):
            self.appear(name)

    @initialize()
    def nothing_yet(self) -> None:
        assert self.orb.billed() == {}

    @property
    def now(self) -> datetime:
        return self.orb.now

    def appear(self, name: str) -> None:
        new = {"name": name, "email": f"{name}@{name}.test", "external_customer_id": name}
        assert self.orb.ask("POST", "/v1/customers", new)[0] == 201

    def events(self, keys: list[str], age: int, *rest: Any) -> list[Event]:
        return [Event(key, self.now - minutes(age), *rest) for key in keys]

    def agree(self, told: int, status: int) -> None:
        self.model.settle(self.now)
        assert status == told, f"the model says {told}, the room {status}"

    @rule(keys=st.lists(KEYS, min_size=1, max_size=3, unique=True), age=AGES, to=CUSTOMERS,
          name=NAMES, n=AMOUNTS)  # fmt: skip
    def ingest(self, keys: list[str], age: int, to: str, name: str, n: int) -> None:
        events = self.events(keys, age, to, name, n)
        status, _ = self.orb.ask("POST", "/v1/ingest", {"events": [whole(e) for e in events]})
        self.agree(self.model.ingest(events, self.now), status)

    @precondition(lambda self: self.ids)
    @rule(
        keys=st.lists(KEYS, min_size=1, max_size=3, unique=True),
        place=PLACES,
        to=CUSTOMERS,
        astray=SELDOM,
        name=NAMES,
        n=AMOUNTS,
        data=st.data(),
    )
    def fill(
        self, keys: list[str], place: float, to: str, astray: bool, name: str, n: int, data: Any
    ) -> None:
        backfills = self.model.backfills
        pending = [i for i, backfill in enumerate(backfills) if backfill.status == "pending"]
        which = data.draw(st.sampled_from(pending or list(range(len(backfills)))))
        into = backfills[which]
        to = to if astray else into.customer or to
        at = (into.start + (into.end - into.start) * place).replace(second=0, microsecond=0)
        events = [Event(key, at, to, name, n) for key in keys]
        sent = {"events": [whole(e) for e in events]}
        status, _ = self.orb.ask("POST", "/v1/ingest", sent, f"backfill_id={self.ids[which]}")
        self.agree(self.model.fill(events, into, self.now), status)

    @rule(key=KEYS, name=NAMES, n=AMOUNTS, off=st.sampled_from([0, 0, 0, 1]), data=st.data())
    def amend(self, key: str, name: str, n: int, off: int, data: Any) -> None:
        known = self.model.of(key)
        before = data.draw(st.sampled_from(known)).event if known else None
        at = before.at if before else self.now
        to = before.customer if before else "acme"
        event = Event(key, at + timedelta(seconds=off), to, name, n)
        status, _ = self.orb.ask("PUT", f"/v1/events/{key}", body(event))
        self.agree(self.model.amend(event, self.now), status)

    @rule(key=KEYS, wanted=SELDOM)
    def deprecate(self, key: str, wanted: bool) -> None:
        if not wanted:
            return
        status, _ = self.orb.ask("PUT", f"/v1/events/{key}/deprecate")
        self.agree(self.model.deprecate(key), status)

    @rule(
        frame=FRAMES,
        around=st.booleans(),
        to=st.sampled_from([None, None, "acme", "globex"]),
        replace=st.sampled_from([True, True, False]),
        above=st.sampled_from([None, None, 5]),
        closes=STEP,
        data=st.data(),
    )
    def create(
        self,
        frame: tuple[int, int],
        around: bool,
        to: str | None,
        replace: bool,
        above: int | None,
        closes: int,
        data: Any,
    ) -> None:
        above = above if replace else None
        start, end = (self.now - minutes(bound) for bound in frame)
        if around and self.model.records:
            at = data.draw(st.sampled_from(self.model.records)).event.at
            start, end = at - minutes(30), at + minutes(30)
        new = Backfill(start, end, self.now + minutes(closes), to, replace, above)
        asked = {
            "timeframe_start": start.isoformat(),
            "timeframe_end": end.isoformat(),
            "close_time": new.close_time.isoformat(),
            "external_customer_id": to,
            "replace_existing_events": replace,
            "deprecation_filter": None if above is None else f"n > {above}",
        }
        status, made = self.orb.ask("POST", "/v1/events/backfills", asked)
        if status == 200:
            self.ids.append(made["id"])
        self.agree(self.model.create(new, self.now), status)

    @precondition(lambda self: self.ids)
    @rule(what=st.sampled_from(["close", "close", "revert"]), data=st.data())
    def end(self, what: str, data: Any) -> None:
        which = data.draw(st.integers(0, len(self.ids) - 1))
        backfill = self.model.backfills[which]
        status, _ = self.orb.ask("POST", f"/v1/events/backfills/{self.ids[which]}/{what}")
        done = self.model.close(backfill, self.now) if what == "close" else None
        self.agree(self.model.revert(backfill) if done is None else done, status)

    @precondition(lambda self: "ghost" not in self.model.customers)
    @rule(wanted=SELDOM)
    def ghost_appears(self, wanted: bool) -> None:
        if wanted:
            self.appear("ghost")
            self.model.customers.add("ghost")

    @rule(by=STEP)
    def advance(self, by: int) -> None:
        self.orb.advance(minutes(by))
        self.model.settle(self.now)

    @invariant()
    def bills_alike(self) -> None:
        assert self.orb.billed() == self.model.billed()

    @invariant()
    def finds_alike(self) -> None:
        start, end = self.now - minutes(60 * 24 * 300), self.now + minutes(60)
        asked = {
            "event_ids": [f"k{n}" for n in range(8)],
            "timeframe_start": start.isoformat(),
            "timeframe_end": end.isoformat(),
        }
        _, answer = self.orb.ask("POST", "/v1/events/search", asked)
        rows = sorted((r["id"], r["event_name"], r["deprecated"]) for r in answer["data"])
        assert rows == self.model.found(start, end)

    @invariant()
    def counts_alike(self) -> None:
        until = (self.now + minutes(60)).isoformat().replace("+", "%2B")
        query = f"timeframe_start=2026-01-01T00:00:00Z&timeframe_end={until}&limit=100"
        _, answer = self.orb.ask("GET", "/v1/events/volume", query=query)
        hours = {datetime.fromisoformat(r["timeframe_start"]): r["count"] for r in answer["data"]}
        assert hours == self.model.hours()


def run(model: Callable[[], Model], phases: tuple[Phase, ...]) -> None:
    machine = type("Both", (Both,), {"make": staticmethod(model)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_room_and_model_never_part() -> None:
    run(Model, (Phase.generate,))


class ForgetsToRestore(Model):
    """Reverting does not bring back what was replaced."""

    def replaced(self, record: Record, by: Backfill) -> bool:
        return super().replaced(record, by) or (
            by.status == "reverted"
            and by.place > 0
            and by.covers(record.event)
            and record.place < by.place
            and record.source is not by
        )


class BillsHidden(Model):
    """A backfill's events are billed before it is reflected."""

    def counts(self, record: Record) -> bool:
        hidden = record.source is not None and record.source.status == "pending"
        return hidden or super().counts(record)


class KeepsDeprecated(Model):
    """A deprecated event may be ingested again."""

    def ingest(self, events: list[Event], now: datetime) -> int:
        kept, self.deprecated = self.deprecated, set()
        try:
            return super().ingest(events, now)
        finally:
            self.deprecated = kept


class ReplacesForAll(Model):
    """A backfill of one customer replaces events of others."""

    def replaced(self, record: Record, by: Backfill) -> bool:
        customer, by.customer = by.customer, None
        try:
            return super().replaced(record, by)
        finally:
            by.customer = customer


class ClosesLate(Model):
    """A backfill does not close by itself."""

    def settle(self, now: datetime) -> None:
        super().settle(now - minutes(1))


@pytest.mark.parametrize(
    "bug", [ForgetsToRestore, BillsHidden, KeepsDeprecated, ReplacesForAll, ClosesLate]
)
def test_a_bug_planted_in_the_model_is_found(bug: Callable[[], Model]) -> None:
    with pytest.raises(AssertionError):
        run(bug, (Phase.generate,))
