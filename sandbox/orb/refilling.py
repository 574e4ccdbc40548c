"""Ingestion into a backfill: other times than plain ingestion, and nothing counts yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from contracts.model import Violation
from sandbox.batch import Batch
from sandbox.orb import errors
from sandbox.orb.force import customer_now, in_force, plain, reaches, touched, versions
from sandbox.orb.rules import (
    Ingestion,
    Terms,
    conflicts,
    deprecated,
    stamped,
    unknown_customers,
)
from sandbox.orb.state import State
from sandbox.orb.store import Backfill, Version, same
from sandbox.reply import Effects, Refusal
from sandbox.room import Call

__all__ = ["failures", "ingest", "opened", "sifted"]

Event = dict[str, Any]


def opened(call: Call) -> Backfill | None:
    """The backfill that the request names, if it takes events; None when it names none."""
    id = call.request.query.get("backfill_id") if call.request.query_string else None
    if id is None:
        return None
    state: State = call.account.state
    backfill = state.store.backfills.get(id)
    if backfill is None:
        finding = Violation("$", f"no backfill {id!r}", id, "orb.ingest.backfill")
        raise Refusal(errors.missing_resource("Backfill", id), [finding])
    if not backfill.open(call.now):
        what = "closed" if backfill.status == "pending" else backfill.status
        why = f"Backfill {id} is {what} and accepts no more events."
        raise Refusal(errors.validation(why), [Violation("$", why, id, "orb.backfill.closed")])
    return backfill


@dataclass
class Filling:
    """A backfill being filled; `read` remembers the batches that were read for it."""

    backfill: Backfill
    state: State
    terms: Terms
    now: datetime
    read: dict[Batch, dict[str, Event]]

    def earlier(self, key: str) -> Version | None:
        """What makes a key a duplicate here (rule orb.backfill.duplicate)."""
        every = [v for v in versions(key, self.state, self.read) if not v.undone]
        came = [version for version in every if not version.amends]
        own = next((version for version in came if version.backfill is self.backfill), None)
        if own is not None:
            return own
        known = next((version for version in came if self._remembered(version)), None)
        if known is None or self._replaced([v for v in every if v.until is None]):
            return None
        return known

    def _remembered(self, version: Version) -> bool:
        return self.terms.forget == "never" or self.now - version.since <= self.terms.grace

    def _replaced(self, standing: Sequence[Version]) -> bool:
        """Whether the backfill stands in the place of all that there is under a key."""
        return all(reaches(self.backfill, v.event, v.order, self.state) for v in standing)


def failures(
    events: Sequence[Event], backfill: Backfill, state: State, terms: Terms, now: datetime
) -> list[Violation]:
    """Why these events may not go into the backfill, every reason; empty when they may."""
    filling = Filling(backfill, state, terms, now, {})
    found: list[Violation] = []
    for index, event in enumerate(events):
        found += _misplaced(index, event, filling)
    found += unknown_customers(events, state)
    found += conflicts(events, terms)
    found += deprecated(events, state)
    if terms.other_body == "reject":
        found += _changed(events, filling)
    return found


def ingest(
    events: Sequence[Event], backfill: Backfill, state: State, terms: Terms, now: datetime
) -> Ingestion:
    """Keep events in which nothing failed; they are hidden until the backfill is reflected."""
    filling = Filling(backfill, state, terms, now, {})
    fresh: list[Event] = []
    old: list[Event] = []
    for event in events:
        key = event["idempotency_key"]
        if filling.earlier(key) is not None:
            old.append(event)
            continue
        version = Version(key, orjson.dumps(event), state.store.now(now), backfill)
        touched(key, state, filling.read).append(version)
        fresh.append(event)
    backfill.events += len(fresh)
    return Ingestion((), fresh, old)


def sifted(done: Ingestion, state: State, now: datetime) -> tuple[Ingestion, tuple[Effects, ...]]:
    """Plainly ingested events that a reflected backfill's filter deprecates as they come (rule
    orb.backfill.late-arrivals)."""
    if not any(b.matches is not None and b.active() for b in state.store.backfills.values()):
        return done, ()
    kept = Ingestion(*([e for e in es if _counts(e, state, now)] for es in _new(done)))
    lost = [e for es in _new(done) for e in es if not _counts(e, state, now)]
    kept.duplicate = done.duplicate
    rule = "orb.backfill.late-arrivals"
    return kept, (Effects("dropped", lost, rule, state.usage),) if lost else ()


def _new(done: Ingestion) -> tuple[Sequence[Event], Sequence[Event]]:
    return done.matched, done.unmatched


def _counts(event: Event, state: State, now: datetime) -> bool:
    return in_force(plain(event, state.store.now(now)), state)


def _misplaced(index: int, event: Event, filling: Filling) -> list[Violation]:
    """An event outside the backfill's frame, or of another customer than the backfill's."""
    path, backfill = f"$.events[{index}]", filling.backfill
    found: list[Violation] = []
    at = stamped(f"{path}.timestamp", event, filling.terms)
    if isinstance(at, Violation):
        found.append(at)
    elif not backfill.start <= at < backfill.end:
        why = (
            f"Event timestamp {at.isoformat()} must be at or after timeframe_start "
            "and before timeframe_end."
        )
        found.append(Violation(f"{path}.timestamp", why, event["timestamp"], "orb.backfill.window"))
    if backfill.customer_id not in (None, customer_now(event, filling.state)):
        name = "customer_id" if event.get("customer_id") is not None else "external_customer_id"
        why = f"The backfill is scoped to customer {backfill.customer_id}."
        rule = "orb.backfill.other-customer"
        found.append(Violation(f"{path}.{name}", why, event[name], rule))
    return found


def _changed(events: Sequence[Event], filling: Filling) -> list[Violation]:
    found = []
    for index, event in enumerate(events):
        key = event["idempotency_key"]
        before = filling.earlier(key)
        if before is not None and not same(before.event, event):
            why = f"Idempotency key {key} was ingested with a different body."
            path = f"$.events[{index}].idempotency_key"
            found.append(Violation(path, why, key, "orb.ingest.other-body"))
    return found
