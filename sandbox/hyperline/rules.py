"""What Hyperline decides about events: plain functions over plain state.

An event is kept under its identity, by default event_type and record.id; a later one with the same
identity takes its place (rule hyperline.ingest.identity).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.conformance import json_path
from contracts.model import Violation
from contracts.numerals import javascript
from sandbox.reply import Usage

__all__ = [
    "FIELDS",
    "Customer",
    "Settled",
    "State",
    "Terms",
    "joined",
    "objections",
    "settle",
    "strangers",
    "unknown_keys",
]

FIELDS = ("customer_id", "event_type", "timestamp", "record")

Event = Mapping[str, Any]
Customer = dict[str, Any]


@dataclass
class State:
    """What Hyperline keeps of one account.

    `seen` are the identities of the events it has; `pending` the ids of customers that events
    brought into being and that nobody has set up, and `waiting` the usage that came for those, by
    identity.
    """

    customers: dict[str, Customer] = field(default_factory=dict)
    by_external_id: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    pending: set[str] = field(default_factory=set)
    waiting: dict[str, Usage] = field(default_factory=dict)

    def known(self, customer_id: str) -> Customer | None:
        """The customer of that Hyperline id or external id (rule hyperline.ingest.customer)."""
        found = self.customers.get(customer_id)
        return found or self.customers.get(self.by_external_id.get(customer_id, ""))

    def add(self, customer: Customer) -> None:
        self.customers[customer["id"]] = customer
        if customer["external_id"] is not None:
            self.by_external_id[customer["external_id"]] = customer["id"]

    def activate(self, customer: Customer) -> list[Usage]:
        """Set up a pending customer; the usage that waited for it
        (rule hyperline.customer.activate)."""
        payer = self.payer(customer["id"])
        self.pending.discard(customer["id"])
        names = [name for name, usage in self.waiting.items() if usage.customer == payer]
        return [self.waiting.pop(name) for name in names]

    def payer(self, customer_id: str) -> str:
        """The name the ledger bills: the external id, or Hyperline's where there is none."""
        known = self.known(customer_id)
        name: str = (known["external_id"] or known["id"]) if known is not None else customer_id
        return name


@dataclass(slots=True)
class Terms:
    """The account's settings that ingestion asks for."""

    identity: str
    timestamps: str
    nulls: str
    unknown_keys: str

    def usage(self, event: Event, state: State) -> Usage:
        """One event counts once, under its event type (rule hyperline.ledger.count)."""
        payer = state.payer(event["customer_id"])
        return Usage(self.name(event, payer), payer, event["event_type"], 1)

    def name(self, event: Event, payer: str) -> str:
        """An event's identity as text."""
        id = event["record"]["id"]
        if self.identity == "record-id":
            return _written(id)
        by_type = self.identity == "event-type-and-record-id"
        return joined(event["event_type"] if by_type else payer, id)


@dataclass(slots=True)
class Settled:
    """What became of events: each is in one of the first three.

    `removed` are those of `pending` that were billed to a customer until now.
    """

    created: Sequence[Event]
    updated: Sequence[Event] = ()
    pending: Sequence[Event] = ()
    removed: Sequence[Event] = ()


def joined(name: str, id: Any) -> str:
    """An identity of two parts; the first has no slash, so that no two identities are the same."""
    if "/" in name or "%" in name:
        name = name.replace("%", "%25").replace("/", "%2F")
    return f"{name}/{_written(id)}"


def _written(id: Any) -> str:
    """record.id as the text it is kept as, a number as JavaScript writes it
    (rule hyperline.ingest.record-id-number)."""
    return id if isinstance(id, str) else javascript(float(id))


def strangers(events: Sequence[Event], state: State) -> list[int]:
    """Indexes of the events whose customer does not exist."""
    unknown = {id for id in {e["customer_id"] for e in events} if state.known(id) is None}
    if not unknown:
        return []
    return [index for index, event in enumerate(events) if event["customer_id"] in unknown]


def settle(events: Sequence[Event], kept: Sequence[Event], state: State, terms: Terms) -> Settled:
    """Keep these events; each one's customer exists. `kept` holds the same as they came."""
    names = [terms.name(event, payer) for event, payer in _paid(events, state, terms)]
    new = dict.fromkeys(names)
    if not state.pending and len(new) == len(names) and state.seen.isdisjoint(new):
        state.seen.update(new)
        return Settled(kept)
    return _apart(events, names, state)


def _paid(events: Sequence[Event], state: State, terms: Terms) -> Iterable[tuple[Event, str]]:
    if terms.identity != "record-id-and-customer":
        return ((event, "") for event in events)
    return ((event, state.payer(event["customer_id"])) for event in events)


def _apart(events: Sequence[Event], names: Sequence[str], state: State) -> Settled:
    """New events, those that take another's place, and those of pending customers."""
    created: list[Event] = []
    updated: list[Event] = []
    pending: list[Event] = []
    removed: dict[str, Event] = {}
    for event, name in zip(events, names, strict=True):
        customer = state.known(event["customer_id"])
        if customer is not None and customer["id"] in state.pending:
            pending.append(event)
            payer = state.payer(event["customer_id"])
            state.waiting[name] = Usage(name, payer, event["event_type"], 1)
            if name in state.seen:
                removed[name] = event
        else:
            (updated if name in state.seen else created).append(event)
            removed.pop(name, None)
            state.waiting.pop(name, None)
        state.seen.add(name)
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
