"""What a person does on Hyperline's web page: set up the customers that events brought."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts.model import BadValue, Json
from sandbox.hyperline import endpoints, groups
from sandbox.hyperline.fates import fates
from sandbox.hyperline.happenings import Happening
from sandbox.hyperline.moments import moment
from sandbox.hyperline.state import Customer, State, Waiting

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["FUNCTIONS"]

Arguments = Mapping[str, Any]


def pending_customers(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{} lists the customers that events brought; {"activate": id or external id} sets one up, and
    the usage that waited for it is billed (rule hyperline.customer.activate)."""
    for name in arguments:
        if name != "activate":
            raise BadValue(name, arguments[name], "an argument; known: activate")
    state: State = account.state
    if "activate" in arguments:
        customer = _pending(state, arguments["activate"])
        status = "archived" if customer["id"] in state.archived else "active"
        after = {**customer, "status": status, "updated_at": moment(now)}
        state.replace(after)
        state.happenings.append(Happening("customer.updated", now, after))
        state.pending.discard(customer["id"])
        waited, rule = state.released(customer["id"]), "hyperline.customer.activate"
        for effects in fates(state, "accepted", waited, rule, Waiting.usage):
            account.ledger.record(account.journal.next - 1, now, effects)
    return [_shown(customer, state) for customer in _all_pending(state)]


FUNCTIONS: Mapping[str, Callable[[Account, Arguments, datetime], Json]] = {
    "pending-customers": pending_customers,
    "send-test-webhook": endpoints.send_test,
    "webhooks": endpoints.show,
    "declare-price-group": groups.declare,
    "price-groups": groups.show,
}


def _all_pending(state: State) -> list[Customer]:
    """Oldest first."""
    return [customer for id, customer in state.customers.items() if id in state.pending]


def _pending(state: State, wanted: Any) -> Customer:
    customer = state.known(wanted) if isinstance(wanted, str) else None
    if customer is None or customer["id"] not in state.pending:
        known = [customer["external_id"] for customer in _all_pending(state)]
        raise BadValue("activate", wanted, f"one of {known}")
    return customer


def _shown(customer: Customer, state: State) -> dict[str, Json]:
    waiting = [w for w in state.waiting.values() if w.customer == customer["id"]]
    return {
        "id": customer["id"],
        "external_id": customer["external_id"],
        "events_waiting": len(waiting),
    }
