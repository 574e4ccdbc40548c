"""The events that Orb keeps of one account, and which of them are in force.

An event that nobody touched stays in the bytes it came in, and is found by its key. One that was
amended, deprecated, backfilled or ingested anew has versions here. Whether a version counts is
never stored: it follows from what was done (rules orb.amend, orb.deprecate, orb.backfill.replace).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.batch import Batch
from sandbox.clock import parse
from sandbox.orb.filters import Match

if TYPE_CHECKING:
    from sandbox.orb.state import State

__all__ = [
    "Backfill",
    "Store",
    "Version",
    "again",
    "customer_of",
    "in_force",
    "moment",
    "reached",
    "touched",
    "versions",
]

Event = dict[str, Any]
Order = tuple[datetime, int]


def moment(text: str) -> datetime | None:
    """A time in UTC; None for what no calendar has."""
    try:
        return parse(text)
    except (ValueError, OverflowError):
        return None


@dataclass(eq=False)
class Backfill:
    """One backfill. `reflected_at` and `reverted_at` are when it began and ceased to count.

    `due` is when the change now under way is done; `order` is its place among what happened.
    """

    id: str
    created_at: datetime
    start: datetime
    end: datetime
    close_time: datetime
    customer_id: str | None
    replace: bool
    filter: str | None
    matches: Match | None
    status: str = "pending"
    events: int = 0
    due: datetime | None = None
    order: Order | None = None
    reflected_at: datetime | None = None
    reverted_at: datetime | None = None

    def open(self, now: datetime) -> bool:
        """Whether events are taken now."""
        return self.status == "pending" and now < self.close_time

    def active(self, at: datetime | None = None) -> bool:
        """Whether it counted then, or counts now."""
        if at is None:
            return self.status in ("reflected", "pending_revert")
        began, ceased = self.reflected_at, self.reverted_at
        return began is not None and began <= at and (ceased is None or at < ceased)

    def reaches(self, event: Mapping[str, Any], state: State) -> bool:
        """Whether this event is among those that the backfill stands in place of."""
        if not self.replace:
            return False
        stamp = moment(event["timestamp"])
        if stamp is None or not self.start <= stamp < self.end:
            return False
        if self.customer_id is not None and customer_of(event, state) != self.customer_id:
            return False
        return self.matches is None or self.matches(event)


@dataclass(eq=False, slots=True)
class Version:
    """An event as it was ingested or amended. `until` is when an amendment took its place."""

    id: str
    raw: bytes
    order: Order
    backfill: Backfill | None = None
    amends: bool = False
    until: datetime | None = None

    @property
    def event(self) -> Event:
        event: Event = orjson.loads(self.raw)
        return event

    @property
    def since(self) -> datetime:
        """When it came."""
        return self.order[0]

    @property
    def undone(self) -> bool:
        """Whether it came with a backfill that is reverted."""
        return self.backfill is not None and self.backfill.status == "reverted"

    def shown(self, at: datetime | None = None) -> bool:
        """Whether it had come by then and its backfill, if it has one, counted."""
        if at is not None and self.since > at:
            return False
        return self.backfill is None or self.backfill.active(at)


@dataclass
class Store:
    """`batches` are plainly ingested events as they came, with the time; `touched` is id ->
    versions, oldest first; `deprecated` is id -> when; `changes` is customer -> what was amended
    and deprecated when, for the limits on both."""

    batches: list[tuple[datetime, Sequence[Event]]] = field(default_factory=list)
    touched: dict[str, list[Version]] = field(default_factory=dict)
    deprecated: dict[str, datetime] = field(default_factory=dict)
    backfills: dict[str, Backfill] = field(default_factory=dict)
    changes: dict[tuple[str, str], dict[str, datetime]] = field(default_factory=dict)
    hours: dict[int, int] = field(default_factory=dict)
    counted: int = 0
    turns: int = 0

    def turn(self, at: datetime) -> Order:
        """A place after all that happened before."""
        self.turns += 1
        return at, self.turns

    def keep(self, received: datetime, events: Sequence[Event]) -> None:
        """Keep plainly ingested events."""
        if events:
            self.batches.append((received, events))


def customer_of(event: Mapping[str, Any], state: State) -> str | None:
    """Orb's id of the customer an event is for; None while no customer has its external id."""
    id: str | None = event.get("customer_id")
    return id if id is not None else state.by_external_id.get(event["external_customer_id"])


def in_force(version: Version, state: State, at: datetime | None = None) -> bool:
    """Whether a version counted then, or counts now."""
    ended = (version.until, state.store.deprecated.get(version.id))
    if any(end is not None and (at is None or end <= at) for end in ended):
        return False
    return version.shown(at) and not _replaced(version, state, at)


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
    return any(backfill.reaches(event, state) for backfill in rivals)


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
    return [_plain(events[id], batch.received)]


def _plain(event: Event, received: datetime) -> Version:
    return Version(event["idempotency_key"], orjson.dumps(event), (received, 0))


def touched(id: str, state: State, read: dict[Batch, dict[str, Event]]) -> list[Version]:
    """The versions of an event, from now on kept one by one."""
    return state.store.touched.setdefault(id, versions(id, state, read))


def reached(backfill: Backfill, state: State) -> Iterator[tuple[str, Sequence[Version]]]:
    """Every event that a backfill brings or may stand in place of, with all its versions."""
    for id, known in state.store.touched.items():
        if any(v.backfill is backfill or backfill.reaches(v.event, state) for v in known):
            yield id, known
    if not backfill.replace:
        return
    for received, events in state.store.batches:
        for event in events:
            id = event["idempotency_key"]
            if id not in state.store.touched and backfill.reaches(event, state):
                yield id, [_plain(event, received)]


def again(events: Sequence[Event], batch: Batch, state: State) -> None:
    """Versions of events whose key came before: forgotten since, or that of a backfill."""
    read: dict[Batch, dict[str, Event]] = {}
    for event in events:
        id = event["idempotency_key"]
        if id in state.seen or id in state.store.touched:
            touched(id, state, read).append(_plain(event, batch.received))
