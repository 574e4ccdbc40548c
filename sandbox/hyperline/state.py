"""What Hyperline keeps of one account: customers, and events by their identity.

An event is kept under its identity, by default event_type and record.id; a later one with the same
identity takes its place (rule hyperline.ingest.identity).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.hyperline.happenings import Happening, Sent
from sandbox.hyperline.identity import named
from sandbox.hyperline.metering import Aggregator, metered
from sandbox.hyperline.pricing import Calculation, Group
from sandbox.reply import Usage

__all__ = ["ARCHIVED", "PENDING", "Arrival", "Customer", "Endpoint", "Event", "State", "Waiting"]

PENDING = "hyperline.ingest.unknown-customer"
ARCHIVED = "hyperline.ingest.archived-customer"

TOLD = 1_000
"""How many messages of webhooks can be listed (rule hyperline.webhook.messages)."""

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
        """Hyperline's id of the customer that an event is for, or was until it was deleted."""
        asked: str = event["customer_id"]
        return asked if asked in self.state.numbers else self.ids.get(asked, asked)

    def name(self, event: Event) -> str:
        """The event's identity."""
        by_customer = self.identity == "record-id-and-customer"
        return named(event, self.identity, self.customer(event) if by_customer else "")

    def usage(self, event: Event) -> Usage | tuple[Usage, ...]:
        """One event counts once, under its event type, until there is an aggregator (rule
        hyperline.ledger.count)."""
        name, payer = self.name(event), self.state.payer(self.customer(event))
        if self.state.declared:
            return metered(event, name, payer, self.state.aggregators.values())
        return Usage(name, payer, event["event_type"], 1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that is not billed until its customer can be."""

    event: Event
    arrival: Arrival

    @property
    def customer(self) -> str:
        """Hyperline's id of who it waits for."""
        return self.arrival.customer(self.event)

    def usage(self) -> Usage | tuple[Usage, ...]:
        return self.arrival.usage(self.event)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a webhook endpoint has beside its target; the rate limit is so many a second."""

    description: str
    rate_limit: float | None


@dataclass
class State:
    """What Hyperline keeps of one account.

    `by_external_id` is never changed but for additions: whoever takes an id away or gives it to
    another puts a changed copy in its place, since arrivals keep what was true when they came.
    `deleted` are the customers that are no more, and `numbers` says of every customer there ever
    was which it was. `seen` is identity -> the arrival that brought the event as it is now.
    `pending` are the ids of customers that events brought into being and that nobody has set up,
    `archived` those of customers that are archived, and `waiting` are the events that came for
    either, by identity. `aggregators` say what is billed, once one was `declared`. `happenings` is
    what webhook endpoints are to be told, oldest first, and `messages` what they were told last;
    `told` counts them. `endpoints` are the living ones, by id.
    `groups` are price groups by name, `calculations` what they came to by id, and `priced` says of
    an event, by identity, which was its first.
    """

    customers: dict[str, Customer] = field(default_factory=dict)
    by_external_id: dict[str, str] = field(default_factory=dict)
    deleted: dict[str, Customer] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    seen: dict[str, Arrival] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    archived: set[str] = field(default_factory=set)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    arrivals: int = 0
    aggregators: dict[str, Aggregator] = field(default_factory=dict)
    declared: bool = False
    happenings: list[Happening] = field(default_factory=list)
    messages: deque[Sent] = field(default_factory=lambda: deque(maxlen=TOLD))
    told: int = 0
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    calculations: dict[str, Calculation] = field(default_factory=dict)
    priced: dict[str, str] = field(default_factory=dict)

    def known(self, customer_id: str) -> Customer | None:
        """The customer of that Hyperline id or external id (rule hyperline.ingest.customer)."""
        found = self.customers.get(customer_id)
        return found or self.customers.get(self.by_external_id.get(customer_id, ""))

    def add(self, customer: Customer) -> None:
        self.customers[customer["id"]] = customer
        self.numbers.setdefault(customer["id"], len(self.numbers))
        if customer["external_id"] is not None:
            self.by_external_id[customer["external_id"]] = customer["id"]

    def replace(self, customer: Customer) -> None:
        """The customer of that id as it is from now on."""
        before = self.customers[customer["id"]]["external_id"]
        if before not in (None, customer["external_id"]):
            self._free(before)
        self.add(customer)

    def remove(self, customer: Customer) -> None:
        """The customer is no more, and its external id is free."""
        id = customer["id"]
        self.pending.discard(id)
        self.archived.discard(id)
        self.deleted[id] = customer
        del self.customers[id]
        self._free(customer["external_id"])

    def arrived(self, events: Sequence[Event], identity: str) -> Arrival:
        """What one request brought; it is not kept yet."""
        self.arrivals += 1
        return Arrival(events, self, self.arrivals, identity, self.by_external_id)

    def held(self, id: str, *, unbilled: bool) -> str | None:
        """The rule by which that customer's usage waits, if it does; `unbilled` says that archived
        customers' does."""
        if id in self.pending:
            return PENDING
        return ARCHIVED if unbilled and id in self.archived else None

    def released(self, id: str) -> list[Waiting]:
        """The events that waited for that customer and wait no more: none while it is held."""
        if id in self.pending or id in self.archived:
            return []
        names = [name for name, waits in self.waiting.items() if waits.customer == id]
        return [self.waiting.pop(name) for name in names]

    def event_types(self) -> set[str]:
        """The types of events that something is billed by."""
        counted = {aggregator.shown["entity"] for aggregator in self.aggregators.values()}
        return counted | {group.event_type for group in self.groups.values()}

    def payer(self, id: str) -> str:
        """The name the ledger bills: the external id, or Hyperline's where there is none."""
        known = self.customers.get(id) or self.deleted.get(id)
        name: str = (known["external_id"] or known["id"]) if known is not None else id
        return name

    def _free(self, external_id: str | None) -> None:
        self.by_external_id = {k: v for k, v in self.by_external_id.items() if k != external_id}
