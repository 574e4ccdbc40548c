"""What Orb's web page would list of an account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.orb import reflection
from sandbox.room import Shelf

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.orb.state import State

__all__ = ["shelves"]

CUSTOMER = ("id", "external_customer_id", "name", "email")
METRIC = ("id", "name", "status")


def shelves(account: Account, _: datetime) -> Sequence[Shelf]:
    """Customers, billable metrics, backfills, and usage that waits for its customer."""
    state: State = account.state
    metrics = state.metrics.values()
    return (
        Shelf.of("customers", state.customers.values(), lambda one: {k: one[k] for k in CUSTOMER}),
        Shelf.of(
            "billable metrics",
            metrics,
            lambda one: {
                **{k: one.shown[k] for k in METRIC},
                "definition": one.definition.sql() if one.definition is not None else None,
            },
        ),
        Shelf.of("backfills", state.store.backfills.values(), reflection.shown),
        Shelf.of(
            "usage that waits for a customer",
            state.waiting.items(),
            lambda one: {"external_customer_id": one[0], "events": _naming(*one)},
        ),
    )


def _naming(id: str, batches: Iterable[Iterable[Mapping[str, Any]]]) -> int:
    """How many events name a customer, among others that came with them."""
    return sum(event.get("external_customer_id") == id for batch in batches for event in batch)
