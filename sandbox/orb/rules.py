"""What Orb decides about events: plain functions over plain state and `now`.

Order (rule orb.ingest.order): the structure comes before, in the contract; then time and customer
of every event, then keys; any failure refuses the whole batch, and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.model import Violation
from sandbox.batch import Batch
from sandbox.orb.force import again, customer_of, in_force, versions
from sandbox.orb.state import Deleted, State
from sandbox.orb.store import same
from sandbox.reply import Effects

__all__ = [
    "Deleted",
    "Ingestion",
    "State",
    "Terms",
    "attributed",
    "conflicts",
    "deprecated",
    "failures",
    "ingest",
    "stamped",
    "unknown_customers",
]

Event = dict[str, Any]
instant = datetime.fromisoformat


@dataclass(slots=True)
class Terms:
    """The account's settings that ingestion asks for."""

    grace: timedelta
    ahead: timedelta
    other_offsets: str
    repeats_in_batch: str
    other_body: str
    forget: str
    unknown_external: str


@dataclass(slots=True)
class Ingestion:
    """What became of a batch that was not refused: each event is in exactly one of these."""

    matched: Sequence[Event]
    unmatched: Sequence[Event]
    duplicate: Sequence[Event] = ()


def failures(events: Sequence[Event], state: State, terms: Terms, now: datetime) -> list[Violation]:
    """Why this batch must be refused, every reason; empty when it need not be."""
    oldest, newest = now - terms.grace, now + terms.ahead
    keys = [event["idempotency_key"] for event in events]
    found: list[Violation] = []
    if not _timely(events, oldest, newest):
        for index, event in enumerate(events):
            found += _untimely(index, event, oldest, newest, terms)
    if {event.get("customer_id") for event in events} != {None}:
        found += unknown_customers(events, state)
    if len(set(keys)) != len(keys):
        found += conflicts(events, terms)
    if terms.other_body == "reject":
        found += _changed(events, state, terms, now)
    if state.store.deprecated:
        found += deprecated(events, state)
    return found


def ingest(events: Sequence[Event], batch: Batch, state: State, terms: Terms) -> Ingestion:
    """Keep a batch in which nothing failed (rules orb.ingest.duplicate and its neighbours).

    `batch` holds the same events as they came.
    """
    keys = [event["idempotency_key"] for event in events]
    new = dict.fromkeys(keys, batch)
    store = state.store
    if (
        len(new) == len(keys)
        and state.seen.keys().isdisjoint(new)
        and (not store.touched or store.touched.keys().isdisjoint(new))
    ):
        state.seen.update(new)
        store.batches.append(((batch.received, batch.turn), batch))
        return _matched(events, batch, state, terms)
    fresh, old = _apart(events, state, terms, batch.received)
    again(fresh, batch, state)
    store.batches.append(((batch.received, batch.turn), fresh))
    state.seen.update(dict.fromkeys([event["idempotency_key"] for event in fresh], batch))
    done = _matched(fresh, fresh, state, terms)
    return Ingestion(done.matched, done.unmatched, old)


def _timely(events: Sequence[Event], oldest: datetime, newest: datetime) -> bool:
    """Whether all events are in time and in UTC: one quick look, as nearly all batches are."""
    try:
        stamps = [instant(text) for text in {event["timestamp"] for event in events}]
    except ValueError:
        return False
    if not stamps:
        return True
    if any(stamp.tzinfo is not UTC for stamp in stamps):
        return False
    return oldest <= min(stamps) and max(stamps) <= newest


def stamped(path: str, event: Event, terms: Terms) -> datetime | Violation:
    """An event's timestamp in UTC, or what is wrong with it."""
    written = event["timestamp"]
    try:
        at = instant(written.upper())
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        if at.utcoffset() and terms.other_offsets == "reject":
            why = f"Event timestamp {at.isoformat()} must be in UTC."
            return Violation(path, why, written, "orb.ingest.timestamp-offset")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        why = f"{written!r} is not a 'date-time'"
        return Violation(path, why, written, "orb.ingest.timestamp")


def _untimely(
    index: int, event: Event, oldest: datetime, newest: datetime, terms: Terms
) -> list[Violation]:
    path, written = f"$.events[{index}].timestamp", event["timestamp"]
    at = stamped(path, event, terms)
    if isinstance(at, Violation):
        return [at]
    if at < oldest:
        why = (
            f"Event timestamp {at.isoformat()} must be later than {oldest.isoformat()} "
            "based on account grace period"
        )
        return [Violation(path, why, written, "orb.ingest.grace-period")]
    if at > newest:
        why = f"Event timestamp {at.isoformat()} must not be later than {newest.isoformat()}"
        return [Violation(path, why, written, "orb.ingest.future-limit")]
    return []


def unknown_customers(events: Sequence[Event], state: State) -> list[Violation]:
    """Events with a customer_id that no customer has (rule orb.ingest.customer-exists)."""
    found = []
    for index, event in enumerate(events):
        id = event.get("customer_id")
        if id is not None and id not in state.customers:
            why = f"Could not find a resource of type Customer with identifier: {id}."
            path = f"$.events[{index}].customer_id"
            found.append(Violation(path, why, id, "orb.ingest.customer-exists"))
    return found


def conflicts(events: Sequence[Event], terms: Terms) -> list[Violation]:
    """Keys that come twice in one batch, with different bodies or, by switch, at all."""
    first: dict[str, Event] = {}
    found = []
    for index, event in enumerate(events):
        key = event["idempotency_key"]
        before = first.setdefault(key, event)
        if before is event:
            continue
        path = f"$.events[{index}].idempotency_key"
        if not same(before, event):
            why = f"Idempotency key {key} is used by events with differing bodies in this batch."
            found.append(Violation(path, why, key, "orb.ingest.batch-conflict"))
        elif terms.repeats_in_batch == "reject":
            why = f"Idempotency key {key} is repeated in this batch."
            found.append(Violation(path, why, key, "orb.ingest.batch-repeat"))
    return found


def deprecated(events: Sequence[Event], state: State) -> list[Violation]:
    """Keys of deprecated events, which are not taken again (rule orb.ingest.deprecated)."""
    found = []
    for index, event in enumerate(events):
        key = event["idempotency_key"]
        if key in state.store.deprecated:
            why = f"Event {key} was deprecated and cannot be ingested again."
            path = f"$.events[{index}].idempotency_key"
            found.append(Violation(path, why, key, "orb.ingest.deprecated"))
    return found


def _changed(events: Sequence[Event], state: State, terms: Terms, now: datetime) -> list[Violation]:
    found = []
    for index, event in enumerate(events):
        key = event["idempotency_key"]
        if _known(key, state, terms, now) and not same(_first(key, state), event):
            why = f"Idempotency key {key} was ingested with a different body."
            path = f"$.events[{index}].idempotency_key"
            found.append(Violation(path, why, key, "orb.ingest.other-body"))
    return found


def _known(key: str, state: State, terms: Terms, now: datetime) -> bool:
    """Whether a key is still deduplicated (rule orb.ingest.dedup-window)."""
    before = state.seen.get(key)
    came = [] if before is None else [before.received]
    for version in state.store.touched.get(key, ()):
        if version.backfill is not None and not version.undone and not version.amends:
            came.append(version.since)
    return any(terms.forget == "never" or now - at <= terms.grace for at in came)


def _first(key: str, state: State) -> Event:
    """The event that a known key came with first."""
    return versions(key, state, {})[0].event


def _apart(
    events: Sequence[Event], state: State, terms: Terms, now: datetime
) -> tuple[list[Event], list[Event]]:
    """New events and repeated ones."""
    fresh: list[Event] = []
    old: list[Event] = []
    here: set[str] = set()
    for event in events:
        key = event["idempotency_key"]
        repeated = key in here or _known(key, state, terms, now)
        (old if repeated else fresh).append(event)
        here.add(key)
    return fresh, old


def _matched(
    events: Sequence[Event], kept: Sequence[Event], state: State, terms: Terms
) -> Ingestion:
    """Events of known customers, and those of an external id that no customer has yet."""
    named: set[Any] = {event.get("external_customer_id") for event in events}
    unknown = named - state.by_external_id.keys() - {None}
    if not unknown or terms.unknown_external == "billed":
        return Ingestion(kept, ())
    for external_id in unknown:
        state.waiting.setdefault(external_id, []).append(kept)
    if all(event.get("external_customer_id") in unknown for event in events):
        return Ingestion((), kept)
    known = [event for event in events if event.get("external_customer_id") not in unknown]
    return Ingestion(known, [e for e in events if e.get("external_customer_id") in unknown])


def attributed(state: State, external_id: str, customer: str) -> tuple[Effects, ...]:
    """What a new customer brings into the ledger: the events that waited for it, each one once
    however often it came."""
    keys: dict[str, None] = {}
    for batch in state.waiting.pop(external_id, ()):
        for event in batch:
            if event.get("external_customer_id") == external_id:
                keys[event["idempotency_key"]] = None
    read: dict[Batch, dict[str, Event]] = {}
    events = [
        version.event
        for key in keys
        for version in versions(key, state, read)
        if in_force(version, state) and customer_of(version.event, version.order, state) == customer
    ]
    return state.accepted(events, "orb.customer.attribution")
