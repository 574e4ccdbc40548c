"""The events that an account has now: each identity once, as it was last sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sandbox.account import ALPHABET
from sandbox.hyperline.identity import BY_TYPE, joined, written
from sandbox.hyperline.moments import moment, read
from sandbox.hyperline.state import Arrival, State

__all__ = ["Held", "Wanted", "held", "shown"]

Event = Mapping[str, Any]
EARLIEST = datetime.min.replace(tzinfo=UTC)
DIGITS = 12


@dataclass(frozen=True, slots=True)
class Held:
    """An event as it is now, under its identity; `place` is when it came among all others."""

    name: str
    event: Event
    arrival: Arrival
    place: tuple[int, int]

    @property
    def at(self) -> datetime:
        """The event's own time."""
        return read(self.event["timestamp"]) or EARLIEST

    @property
    def record_id(self) -> str:
        return written(self.event["record"]["id"])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; None asks for all. `customer` is Hyperline's id."""

    event_type: str | None = None
    customer: str | None = None
    record_ids: frozenset[str] | None = None
    test: Callable[[Held], bool] = lambda _: True

    def likely(self, name: str, arrival: Arrival) -> bool:
        """Whether an identity alone leaves it open that its event is wanted."""
        if arrival.identity != BY_TYPE:
            return True
        kind, _, id = name.partition("/")
        if self.event_type is not None and joined(self.event_type, "") != f"{kind}/":
            return False
        return self.record_ids is None or id in self.record_ids

    def takes(self, found: Held) -> bool:
        event = found.event
        return (
            self.event_type in (None, event["event_type"])
            and self.customer in (None, found.arrival.customer(event))
            and (self.record_ids is None or found.record_id in self.record_ids)
            and self.test(found)
        )


def held(state: State, wanted: Wanted) -> list[Held]:
    """The events asked for, in the order they came; only what may be among them is read."""
    places: dict[Arrival, None] = {}
    for name, arrival in state.seen.items():
        if arrival not in places and wanted.likely(name, arrival):
            places[arrival] = None
    every = (found for arrival in places for found in _brought(arrival))
    found = [one for one in every if wanted.takes(one)]
    return sorted(found, key=lambda one: one.place)


def _brought(arrival: Arrival) -> Iterator[Held]:
    """What is left of what one request brought, the last of one identity standing for all."""
    last = {}
    for index, event in enumerate(arrival.events):
        name = arrival.name(event)
        last[name] = Held(name, event, arrival, (arrival.number, index))
    for name, found in last.items():
        if arrival.state.seen.get(name) is arrival:
            yield found


def shown(found: Held, account: str, *, by_id: bool) -> dict[str, Any]:
    """An event as it is listed; `by_id` names its customer by Hyperline's id."""
    event, at = found.event, read(found.event["timestamp"])
    return {
        "id": _id(account, found.name),
        "event_type": event["event_type"],
        "timestamp": event["timestamp"] if at is None else moment(at),
        "customer_id": found.arrival.customer(event) if by_id else event["customer_id"],
        "record_id": found.record_id,
        "record": event["record"],
    }


def _id(account: str, name: str) -> str:
    """The same for the same identity (rule hyperline.events.id)."""
    number = int.from_bytes(sha256(f"{account}:{name}".encode()).digest()[:10])
    digits = []
    for _ in range(DIGITS):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "evt_" + "".join(digits)
