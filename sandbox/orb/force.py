"""Which of the events that Orb keeps are in force, and for which customer.

That is never stored: it follows from what was done (rules orb.amend, orb.deprecate,
orb.backfill.replace, orb.customer.deleted-usage).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.batch import Batch
from sandbox.orb.store import Backfill, Order, Version, moment

if TYPE_CHECKING:
    from sandbox.orb.state import State

__all__ = [
    "again",
    "customer_now",
    "customer_of",
    "gone",
    "in_force",
    "of_customer",
    "plain",
    "reached",
    "reaches",
    "touched",
    "versions",
]

Event = dict[str, Any]


def customer_now(event: Mapping[str, Any], state: State) -> str | None:
    """Orb's id of the customer an event that comes now is for; None while no customer has its
    external id."""
    id: str | None = event.get("customer_id")
    return id if id is not None else state.by_external_id.get(event["external_customer_id"])


def customer_of(event: Mapping[str, Any], came: Order, state: State) -> str | None:
    """Orb's id of the customer that an event is for which came then.

    An external id may have been another customer's, who took its events along when it was
    deleted (rule orb.customer.deleted-usage).
    """
    if event.get("customer_id") is None:
        for ended, holder in state.held.get(event["external_customer_id"], ()):
            if came < ended:
                return holder
    return customer_now(event, state)


def reaches(backfill: Backfill, event: Mapping[str, Any], came: Order, state: State) -> bool:
    """Whether this event is among those that the backfill stands in place of."""
    if not backfill.replace:
        return False
    stamp = moment(event["timestamp"])
    if stamp is None or not backfill.start <= stamp < backfill.end:
        return False
    if backfill.customer_id is not None and customer_of(event, came, state) != backfill.customer_id:
        return False
    return backfill.matches is None or backfill.matches(event)


def in_force(version: Version, state: State, at: datetime | None = None) -> bool:
    """Whether a version counted then, or counts now."""
    ended = (version.until, state.store.deprecated.get(version.id))
    if any(end is not None and (at is None or end <= at) for end in ended):
        return False
    return version.shown(at) and not gone(version, state, at) and not _replaced(version, state, at)


def gone(version: Version, state: State, at: datetime | None = None) -> bool:
    """Whether its customer was deleted by then, and the usage with it."""
    if not state.deleted:
        return False
    ended = state.deleted.get(customer_of(version.event, version.order, state) or "")
    return ended is not None and (at is None or ended.at <= at)


def _replaced(version: Version, state: State, at: datetime | None) -> bool:
    rivals = [
        backfill
        for backfill in state.store.backfills.values()
        if backfill is not version.backfill
        and backfill.replace
        and backfill.active(at)
        and _later(backfill, version)
    ]
    if not rivals:
        return False
    event = version.event
    return any(reaches(backfill, event, version.order, state) for backfill in rivals)


def _later(backfill: Backfill, version: Version) -> bool:
    """A filter takes in what arrives later, too (rule orb.backfill.late-arrivals)."""
    if backfill.matches is not None and version.backfill is None and not version.amends:
        return True
    began = version.order if version.backfill is None else version.backfill.order
    if version.amends:
        began = version.order
    return began is not None and backfill.order is not None and began < backfill.order


def versions(id: str, state: State, read: dict[Batch, dict[str, Event]]) -> list[Version]:
    """All versions of an event, oldest first; none when there is no such event.

    `read` remembers batches that were read for this question.
    """
    known = state.store.touched.get(id)
    if known is not None:
        return known
    batch = state.seen.get(id)
    if batch is None:
        return []
    events = read.get(batch)
    if events is None:
        events = read[batch] = {event["idempotency_key"]: event for event in batch}
    return [plain(events[id], (batch.received, batch.turn))]


def plain(event: Event, came: Order) -> Version:
    """An event as ingestion brought it."""
    return Version(event["idempotency_key"], orjson.dumps(event), came)


def touched(id: str, state: State, read: dict[Batch, dict[str, Event]]) -> list[Version]:
    """The versions of an event, from now on kept one by one."""
    return state.store.touched.setdefault(id, versions(id, state, read))


def reached(backfill: Backfill, state: State) -> Iterator[tuple[str, Sequence[Version]]]:
    """Every event that a backfill brings or may stand in place of, with all its versions."""
    for id, known in state.store.touched.items():
        if any(v.backfill is backfill or reaches(backfill, v.event, v.order, state) for v in known):
            yield id, known
    if not backfill.replace:
        return
    for came, events in state.store.batches:
        for event in events:
            id = event["idempotency_key"]
            if id not in state.store.touched and reaches(backfill, event, came, state):
                yield id, [plain(event, came)]


def of_customer(state: State, ids: Set[str | None]) -> Iterator[Sequence[Version]]:
    """Every event that names one of these ids of customers, with all its versions."""
    for known in state.store.touched.values():
        if any(_names(version.event, ids) for version in known):
            yield known
    for came, events in state.store.batches:
        for event in events:
            if event["idempotency_key"] not in state.store.touched and _names(event, ids):
                yield [plain(event, came)]


def _names(event: Mapping[str, Any], ids: Set[str | None]) -> bool:
    id = event.get("customer_id")
    return (event["external_customer_id"] if id is None else id) in ids


def again(events: Sequence[Event], batch: Batch, state: State) -> None:
    """Versions of events whose key came before: forgotten since, or that of a backfill."""
    read: dict[Batch, dict[str, Event]] = {}
    for event in events:
        id = event["idempotency_key"]
        if id in state.seen or id in state.store.touched:
            touched(id, state, read).append(plain(event, (batch.received, batch.turn)))
