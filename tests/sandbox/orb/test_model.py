"""The room against the model: whatever is done to them, they answer and bill alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from sandbox.app import Options, create_app
from tests.acme import NOW
from tests.sandbox.orb.conversation import Conversation
from tests.sandbox.orb.model import GRACE, Backfill, Event, Model, Record
from tests.walking import walked

EXAMPLES, STEPS = 50, 50
ORB = create_app(Options(vendors=["orb"], source=lambda: NOW))
EVERY_KEY = ["k0", "k0+", "k0++", "k1", "k2", "k3", "k4", "k5"]
PLACE = st.integers(0, 7)  # of a key
CUSTOMERS = st.sampled_from(["acme", "globex", "ghost"])
NAMES = st.sampled_from(["call", "seat"])
AMOUNTS = st.sampled_from([1, 9])
FLAGS = st.sampled_from(["1", "1", "true"])
AGES = st.sampled_from([0, 20, 300, 600, 720, 721, -5, -6])  # minutes
FRAMES = st.sampled_from([(2880, 720), (4000, 1000), (1440, 720), (900, 0), (900, 600)])
STEP = st.sampled_from([1, 30, 200, 700, 1500])
PARTS = st.sampled_from([0.0, 0.3, 0.5, 0.9, 0.99, 1.0])  # in a frame
SELDOM = st.sampled_from([False, False, False, True])


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def body(event: Event) -> dict[str, Any]:
    return {
        "event_name": event.name,
        "timestamp": event.at.isoformat(),
        "external_customer_id": event.customer,
        "properties": {"n": event.n, "flag": json.loads(event.flag)},
    }


def whole(event: Event) -> dict[str, Any]:
    return {**body(event), "idempotency_key": event.key}


class Both(RuleBasedStateMachine):
    """Does everything to the room and to the model."""

    make: Callable[[], Model] = Model
    steps: ClassVar[list[int]] = []

    def __init__(self) -> None:
        super().__init__()
        self.orb = Conversation(ORB)
        self.orb.account.reset()
        self.model = type(self).make()
        self.ids: list[str] = []
        self.customer_ids: dict[str, str] = {}
        for name in ("acme", "globex"):
            self.appear(name)

    @initialize(
        few=st.sampled_from([1, 2, 8]),
        churning=st.booleans(),
        first=st.lists(st.tuples(PLACE, AGES, CUSTOMERS, NAMES, AMOUNTS), min_size=2, max_size=5),
    )
    def begin(self, few: int, churning: bool, first: list[Any]) -> None:
        """With few keys much happens to each; and customers do not come and go in every story."""
        self.keys, self.churning = EVERY_KEY[:few], churning
        for place, *rest in first:
            self.ingest([place], *rest, flag="1")

    def named(self, places: list[int]) -> list[str]:
        return sorted({self.keys[place % len(self.keys)] for place in places})

    @property
    def now(self) -> datetime:
        return self.orb.now

    def appear(self, name: str) -> None:
        new = {"name": name, "email": f"{name}@{name}.test", "external_customer_id": name}
        status, made = self.orb.ask("POST", "/v1/customers", new)
        assert status == 201
        self.customer_ids[name] = made["id"]
        self.model.appear(name)

    def events(self, keys: list[str], age: int, *rest: Any) -> list[Event]:
        return [Event(key, self.now - minutes(age), *rest) for key in keys]

    def advance(self, by: timedelta) -> None:
        self.orb.advance(by)
        self.model.settle(self.now)

    def send(self, events: list[Event], which: int) -> None:
        query, into = f"backfill_id={self.ids[which]}", self.model.backfills[which]
        status, _ = self.orb.ask(
            "POST", "/v1/ingest", {"events": [whole(e) for e in events]}, query
        )
        self.agree(self.model.fill(events, into, self.now), status)

    def finish(self, what: str, which: int) -> None:
        backfill = self.model.backfills[which]
        status, _ = self.orb.ask("POST", f"/v1/events/backfills/{self.ids[which]}/{what}")
        done = self.model.close(backfill, self.now) if what == "close" else None
        self.agree(self.model.revert(backfill) if done is None else done, status)

    def open(
        self,
        start: datetime,
        end: datetime,
        to: str | None,
        replace: bool,
        above: int | None,
        closes: int,
    ) -> bool:
        """Create a backfill; whether there is one now."""
        to = to if to in self.model.customers else None
        holder = None if to is None else self.model.customers[to]
        new = Backfill(start, end, self.now + minutes(closes), holder, replace, above)
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
        return status == 200

    def agree(self, told: int, status: int) -> None:
        self.model.settle(self.now)
        assert status == told, f"the model says {told}, the room {status}"

    @rule(places=st.lists(PLACE, min_size=1, max_size=3), age=AGES, to=CUSTOMERS,
          name=NAMES, n=AMOUNTS, flag=FLAGS)  # fmt: skip
    def ingest(self, places: list[int], age: int, to: str, name: str, n: int, flag: str) -> None:
        events = self.events(self.named(places), age, to, name, n, flag)
        status, _ = self.orb.ask("POST", "/v1/ingest", {"events": [whole(e) for e in events]})
        self.agree(self.model.ingest(events, self.now), status)

    @precondition(lambda self: self.ids)
    @rule(
        places=st.lists(PLACE, min_size=1, max_size=3),
        part=PARTS,
        to=CUSTOMERS,
        astray=SELDOM,
        name=NAMES,
        n=AMOUNTS,
        data=st.data(),
    )
    def fill(
        self, places: list[int], part: float, to: str, astray: bool, name: str, n: int, data: Any
    ) -> None:
        backfills = self.model.backfills
        pending = [i for i, backfill in enumerate(backfills) if backfill.status == "pending"]
        which = data.draw(st.sampled_from(pending or list(range(len(backfills)))))
        into = backfills[which]
        to = to if astray else (into.customer or to).split("#")[0]
        at = (into.start + (into.end - into.start) * part).replace(second=0, microsecond=0)
        events = [Event(key, at, to, name, n) for key in self.named(places)]
        self.send(events, which)

    @rule(place=PLACE, name=NAMES, n=AMOUNTS, flag=FLAGS, off=st.sampled_from([0, 0, 0, 1]),
          same=st.booleans(), data=st.data())  # fmt: skip
    def amend(
        self, place: int, name: str, n: int, flag: str, off: int, same: bool, data: Any
    ) -> None:
        [key] = self.named([place])
        known = self.model.of(key)
        before = data.draw(st.sampled_from(known)).event if known else None
        at = before.at if before else self.now
        to = before.customer if before else "acme"
        if before and same:
            name, n = before.name, before.n
        event = Event(key, at + timedelta(seconds=off), to, name, n, flag)
        status, _ = self.orb.ask("PUT", f"/v1/events/{key}", body(event))
        self.agree(self.model.amend(event, self.now), status)

    @rule(place=PLACE, wanted=SELDOM)
    def deprecate(self, place: int, wanted: bool) -> None:
        if not wanted:
            return
        [key] = self.named([place])
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
        self.open(start, end, to, replace, above, closes)

    @precondition(lambda self: self.ids)
    @rule(what=st.sampled_from(["close", "close", "revert"]), data=st.data())
    def end(self, what: str, data: Any) -> None:
        likely = {"close": "pending", "revert": "reflected"}[what]
        there = self.model.backfills
        some = [i for i, backfill in enumerate(there) if backfill.status == likely]
        which = data.draw(st.sampled_from(some or list(range(len(there)))))
        self.finish(what, which)

    @precondition(lambda self: self.churning or "ghost" not in self.model.customers)
    @rule(wanted=SELDOM, name=CUSTOMERS)
    def appear_or_vanish(self, wanted: bool, name: str) -> None:
        if not wanted:
            return
        if name not in self.model.customers:
            self.appear(name)
            return
        if not self.churning:
            return
        path = f"/v1/customers/{self.customer_ids.pop(name)}"
        assert self.orb.ask("DELETE", path)[0] == 204
        self.model.vanish(name)

    @precondition(lambda self: self.model.records)
    @rule(again=st.booleans(), revert=st.booleans(), to=st.none() | CUSTOMERS, data=st.data())
    def backfill_around(self, again: bool, revert: bool, to: str | None, data: Any) -> None:
        """A whole life of a backfill over an event, which it brings again to the letter or not."""
        event = data.draw(st.sampled_from(self.model.records)).event
        start, end = event.at - minutes(30), event.at + minutes(30)
        self.advance(max(end + GRACE - self.now, minutes(0)))
        if not self.open(start, end, to, True, None, 1):
            return
        which = len(self.ids) - 1
        if again:
            self.send([event], which)
        self.finish("close", which)
        if revert:
            self.finish("revert", which)

    @rule(by=STEP)
    def wait(self, by: int) -> None:
        self.advance(minutes(by))

    @invariant()
    def bills_alike(self) -> None:
        self.steps.append(1)
        assert self.orb.billed() == self.model.billed()

    @invariant()
    def finds_alike(self) -> None:
        start, end = self.now - minutes(60 * 24 * 300), self.now + minutes(60)
        asked = {
            "event_ids": EVERY_KEY,
            "timeframe_start": start.isoformat(),
            "timeframe_end": end.isoformat(),
        }
        _, answer = self.orb.ask("POST", "/v1/events/search", asked)
        rows = sorted(
            (r["id"], r["event_name"], json.dumps(r["properties"]["flag"]), r["deprecated"])
            for r in answer["data"]
        )
        assert rows == self.model.found(start, end)

    @invariant()
    def counts_alike(self) -> None:
        until = (self.now + minutes(60)).isoformat().replace("+", "%2B")
        query = f"timeframe_start=2026-01-01T00:00:00Z&timeframe_end={until}&limit=100"
        _, answer = self.orb.ask("GET", "/v1/events/volume", query=query)
        hours = {datetime.fromisoformat(r["timeframe_start"]): r["count"] for r in answer["data"]}
        assert hours == self.model.hours()


def run(model: Callable[[], Model], phases: tuple[Phase, ...]) -> int:
    """How many steps were taken without room and model parting."""
    return walked(Both, model, phases, examples=EXAMPLES, steps=STEPS)


def test_room_and_model_never_part() -> None:
    assert run(Model, (Phase.generate,)) >= 2_000


class ForgetsToRestore(Model):
    """Reverting does not bring back what was replaced."""

    def replaced(self, record: Record, by: Backfill) -> bool:
        return super().replaced(record, by) or (
            by.status == "reverted"
            and by.place > 0
            and by.covers(record.event, self.owner(record))
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
