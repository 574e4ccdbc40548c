"""What Hyperline's web page would list of an account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sandbox.room import Shelf

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.hyperline.state import State

__all__ = ["shelves"]

CUSTOMER = ("id", "external_id", "name", "status")
AGGREGATOR = ("id", "name", "entity", "operation")


def shelves(account: Account, _: datetime) -> Sequence[Shelf]:
    """Customers, aggregators, price groups, and usage of customers who cannot be billed yet."""
    state: State = account.state
    waiting = Counter(waits.customer for waits in state.waiting.values())
    return (
        Shelf.of(
            "customers",
            state.customers.values(),
            lambda one: {**{k: one.get(k) for k in CUSTOMER}, "events_waiting": waiting[one["id"]]},
        ),
        Shelf.of(
            "aggregators",
            state.aggregators.values(),
            lambda one: {**{k: one.shown.get(k) for k in AGGREGATOR}, "meter": one.meter},
        ),
        Shelf.of(
            "price groups",
            state.groups.values(),
            lambda one: {
                "id": one.id,
                "name": one.name,
                "event_type": one.event_type,
                "unit_price": one.unit_price,
            },
        ),
    )
