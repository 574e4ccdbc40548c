"""What Orb keeps of one account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.batch import Batch
from sandbox.orb.happenings import Happening
from sandbox.orb.metering import Metric, metered
from sandbox.orb.store import Order, Store
from sandbox.reply import Effects, Usage

__all__ = ["Deleted", "State"]

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deleted:
    """A customer that is no more, as it last was, and since when."""

    customer: dict[str, Any]
    at: datetime


@dataclass
class State:
    """What Orb keeps of one account.

    `seen` is idempotency key -> the events it came with; `waiting` is external id -> events that
    name it and no customer does; `happenings` is what webhook endpoints are told, oldest first.
    `held` is external id -> the customers that had it and are no more, each with when it ended.
    `created` are the ids of all customers there ever were, oldest first; `deleted` are those that
    are no more, `invoiced` those that have an issued invoice, and `parents` is child -> parent.
    """

    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_external_id: dict[str, str] = field(default_factory=dict)
    seen: dict[str, Batch] = field(default_factory=dict)
    store: Store = field(default_factory=Store)
    waiting: dict[str, list[Sequence[Event]]] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    deleted: dict[str, Deleted] = field(default_factory=dict)
    held: dict[str, list[tuple[Order, str]]] = field(default_factory=dict)
    invoiced: set[str] = field(default_factory=set)
    parents: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    declared: bool = False

    def usage(self, event: Event) -> Usage | tuple[Usage, ...]:
        """One event counts once, under its name, until a metric is declared (rule
        orb.ledger.count)."""
        customer = event.get("external_customer_id")
        if customer is None:
            id = event["customer_id"]
            known = self.customers.get(id) or self.deleted[id].customer
            customer = known["external_customer_id"] or id
        if self.declared:
            return metered(event, customer, self.metrics.values())
        return Usage(event["idempotency_key"], customer, event["event_name"], 1)

    def accepted(self, events: Sequence[Event], rule: str | None = None) -> tuple[Effects, ...]:
        """Events that are billed, and those that no declared metric counts."""
        if not self.declared:
            return (Effects("accepted", events, rule, self.usage),) if events else ()
        counted: list[Event] = []
        rest: list[Event] = []
        for event in events:
            usages = metered(event, None, self.metrics.values())
            billed = any(usage.unbilled is None for usage in usages)
            (counted if billed else rest).append(event)
        return tuple(
            effects
            for effects in (
                Effects("accepted", counted, rule, self.usage),
                Effects("unmatched", rest, "orb.metric.unmatched", self.usage, open=True),
            )
            if effects.items
        )
