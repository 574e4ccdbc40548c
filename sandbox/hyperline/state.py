"""What Hyperline keeps of one account: customers, and events by their identity.

An event is kept under its identity, by default event_type and record.id; a later one with the same
identity takes its place (rule hyperline.ingest.identity).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.hyperline.identity import named
from sandbox.reply import Usage

__all__ = ["Arrival", "Customer", "State"]

Event = Mapping[str, Any]
Customer = dict[str, Any]


@dataclass(slots=True, eq=False)
class Arrival:
    """The events that one request brought, and for whom.

    `number` is its place among the others, `identity` what events were known by then, and `ids` is
    external id -> customer as it was then: what becomes of an external id later moves no usage.
    """

    events: Sequence[Event]
    state: State
    number: int
    identity: str
    ids: Mapping[str, str]

    def customer(self, event: Event) -> str:
        """Hyperline's id of the customer that an event is for."""
        asked: str = event["customer_id"]
        return asked if asked in self.state.customers else self.ids.get(asked, asked)

    def name(self, event: Event) -> str:
        """The event's identity."""
        by_customer = self.identity == "record-id-and-customer"
        return named(event, self.identity, self.customer(event) if by_customer else "")

    def usage(self, event: Event) -> Usage:
        """One event counts once, under its event type (rule hyperline.ledger.count)."""
        payer = self.state.payer(self.customer(event))
        return Usage(self.name(event), payer, event["event_type"], 1)


@dataclass
class State:
    """What Hyperline keeps of one account.

    `by_external_id` is never changed but for additions: whoever takes an id away or gives it to
    another puts a changed copy in its place, since arrivals keep what was true when they came.
    `seen` is identity -> the arrival that brought the event as it is now; `pending` are the ids of
    customers that events brought into being and that nobody has set up, and `waiting` is the usage
    that came for those, by identity.
    """

    customers: dict[str, Customer] = field(default_factory=dict)
    by_external_id: dict[str, str] = field(default_factory=dict)
    seen: dict[str, Arrival] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    waiting: dict[str, Usage] = field(default_factory=dict)
    arrivals: int = 0

    def known(self, customer_id: str) -> Customer | None:
        """The customer of that Hyperline id or external id (rule hyperline.ingest.customer)."""
        found = self.customers.get(customer_id)
        return found or self.customers.get(self.by_external_id.get(customer_id, ""))

    def add(self, customer: Customer) -> None:
        self.customers[customer["id"]] = customer
        if customer["external_id"] is not None:
            self.by_external_id[customer["external_id"]] = customer["id"]

    def arrived(self, events: Sequence[Event], identity: str) -> Arrival:
        """What one request brought; it is not kept yet."""
        self.arrivals += 1
        return Arrival(events, self, self.arrivals, identity, self.by_external_id)

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
