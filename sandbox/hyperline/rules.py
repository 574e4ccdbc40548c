"""What Hyperline decides about events: plain functions over plain state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.conformance import json_path
from contracts.model import Violation
from sandbox.hyperline.state import Arrival, State

__all__ = ["FIELDS", "Settled", "Terms", "objections", "settle", "strangers", "unknown_keys"]

FIELDS = ("customer_id", "event_type", "timestamp", "record")

Event = Mapping[str, Any]


@dataclass(slots=True)
class Terms:
    """The account's settings that ingestion asks for."""

    identity: str
    timestamps: str
    nulls: str
    unknown_keys: str


@dataclass(slots=True)
class Settled:
    """What became of events: each is in one of the first three.

    `removed` are those of `pending` that were billed to a customer until now.
    """

    created: Sequence[Event]
    updated: Sequence[Event] = ()
    pending: Sequence[Event] = ()
    removed: Sequence[Event] = ()


def strangers(events: Sequence[Event], state: State) -> list[int]:
    """Indexes of the events whose customer does not exist."""
    unknown = {id for id in {e["customer_id"] for e in events} if state.known(id) is None}
    if not unknown:
        return []
    return [index for index, event in enumerate(events) if event["customer_id"] in unknown]


def settle(events: Sequence[Event], arrival: Arrival) -> Settled:
    """Keep these events, which the arrival holds too; each one's customer exists."""
    state = arrival.state
    names = [arrival.name(event) for event in events]
    new = dict.fromkeys(names, arrival)
    if not state.pending and len(new) == len(names) and state.seen.keys().isdisjoint(new):
        state.seen.update(new)
        return Settled(arrival.events)
    return _apart(events, names, arrival)


def _apart(events: Sequence[Event], names: Sequence[str], arrival: Arrival) -> Settled:
    """New events, those that take another's place, and those of pending customers."""
    created: list[Event] = []
    updated: list[Event] = []
    pending: list[Event] = []
    removed: dict[str, Event] = {}
    state = arrival.state
    for event, name in zip(events, names, strict=True):
        if arrival.customer(event) in state.pending:
            pending.append(event)
            state.waiting[name] = arrival.usage(event)
            if name in state.seen:
                removed[name] = event
        else:
            (updated if name in state.seen else created).append(event)
            removed.pop(name, None)
            state.waiting.pop(name, None)
        state.seen[name] = arrival
    return Settled(created, updated, pending, list(removed.values()))


def objections(event: Event, at: str, terms: Terms) -> Iterator[Violation]:
    """What an account's stricter settings have against an event that conforms to the contract."""
    if terms.timestamps == "strict" and not isinstance(event["timestamp"], str):
        why = "Invalid ISO datetime"
        yield Violation(f"{at}.timestamp", why, event["timestamp"], "hyperline.ingest.timestamp")
    if terms.nulls == "reject":
        for key, value in event["record"].items():
            if value is None:
                why = "null is not text, a number, a boolean or a list of these"
                path = at + json_path(("record", key))[1:]
                yield Violation(path, why, None, "hyperline.ingest.record-null")
    if terms.unknown_keys == "reject":
        yield from unknown_keys(event, at)


def unknown_keys(event: Event, at: str) -> Iterator[Violation]:
    """Keys of an event that Hyperline does not know."""
    if len(event) > len(FIELDS):
        for key in [key for key in event if key not in FIELDS]:
            why = f"Hyperline knows {', '.join(FIELDS)}; not {key!r}"
            path = at + json_path((key,))[1:]
            yield Violation(path, why, event[key], "hyperline.ingest.unknown-key")
