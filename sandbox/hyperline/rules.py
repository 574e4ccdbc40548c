"""What Hyperline decides about events: plain functions over plain state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.conformance import json_path
from contracts.model import Violation
from sandbox.hyperline.state import Arrival, Event, State, Waiting

__all__ = ["FIELDS", "Settled", "Terms", "objections", "settle", "strangers", "unknown_keys"]

FIELDS = ("customer_id", "event_type", "timestamp", "record")


@dataclass(slots=True)
class Terms:
    """The account's settings that ingestion asks for."""

    identity: str
    timestamps: str
    nulls: str
    unknown_keys: str
    archived: str


@dataclass(slots=True)
class Settled:
    """What became of events: each is in one of the first three.

    `waiting` are those of customers that are not billed, by the rule that says so; `removed` those
    of them that were billed to a customer until now.
    """

    created: Sequence[Event]
    updated: Sequence[Event] = ()
    waiting: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    removed: Mapping[str, Sequence[Event]] = field(default_factory=dict)


def strangers(events: Sequence[Event], state: State) -> list[int]:
    """Indexes of the events whose customer does not exist."""
    unknown = {id for id in {e["customer_id"] for e in events} if state.known(id) is None}
    if not unknown:
        return []
    return [index for index, event in enumerate(events) if event["customer_id"] in unknown]


def settle(events: Sequence[Event], arrival: Arrival, terms: Terms) -> Settled:
    """Keep these events, which the arrival holds too; each one's customer exists."""
    state = arrival.state
    names = [arrival.name(event) for event in events]
    new = dict.fromkeys(names, arrival)
    holding = state.pending or state.archived
    if not holding and len(new) == len(names) and state.seen.keys().isdisjoint(new):
        state.seen.update(new)
        return Settled(arrival.events)
    return _apart(events, names, arrival, terms)


def _apart(
    events: Sequence[Event], names: Sequence[str], arrival: Arrival, terms: Terms
) -> Settled:
    """New events, those that take another's place, and those of customers that are not billed."""
    created: list[Event] = []
    updated: list[Event] = []
    waiting: dict[str, list[Event]] = {}
    removed: dict[str, tuple[str, Event]] = {}
    state = arrival.state
    for event, name in zip(events, names, strict=True):
        rule = state.held(arrival.customer(event), unbilled=terms.archived == "unbilled")
        if rule is not None:
            waiting.setdefault(rule, []).append(event)
            if name in state.seen and name not in state.waiting:
                removed[name] = (rule, event)
            state.waiting[name] = Waiting(event, arrival)
        else:
            (updated if name in state.seen else created).append(event)
            removed.pop(name, None)
            state.waiting.pop(name, None)
        state.seen[name] = arrival
    return Settled(created, updated, waiting, _by_rule(removed.values()))


def _by_rule(events: Iterable[tuple[str, Event]]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for rule, event in events:
        found.setdefault(rule, []).append(event)
    return found


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
