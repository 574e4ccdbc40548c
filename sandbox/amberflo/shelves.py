"""What Amberflo's web page would list of an account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.room import Shelf

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.amberflo.rules import State

__all__ = ["shelves"]

CUSTOMER = ("customerId", "customerName", "customerEmail", "deleteTime")
METER = ("id", "meterApiName", "label", "meterType", "lockingStatus")


def shelves(account: Account, _: datetime) -> Sequence[Shelf]:
    """Customers, meters, ingest schemas, and usage of customers who are not there."""
    state: State = account.state
    return (
        Shelf.of(
            "customers",
            state.customers.values(),
            lambda one: {k: one.get(k) for k in CUSTOMER},
        ),
        Shelf.of(
            "meters",
            state.register.meters.values(),
            lambda one: {k: one.shown.get(k) for k in METER},
        ),
        Shelf.of("ingest schemas", state.schemas.values(), dict),
        Shelf.of(
            "usage that waits for a customer",
            state.waiting.items(),
            lambda one: {"customerId": one[0], "records": _naming(*one)},
        ),
    )


def _naming(id: str, batches: Iterable[Iterable[Mapping[str, Any]]]) -> int:
    """How many records name a customer, among others that came with them."""
    return sum(record.get("customerId") == id for batch in batches for record in batch)
