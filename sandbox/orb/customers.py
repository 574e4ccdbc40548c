"""Orb's customers: created once, fetched by either id."""

from __future__ import annotations

from typing import Any

from contracts.model import Violation
from sandbox.orb import errors
from sandbox.orb.rules import State, attributed
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

AS_GIVEN = (
    "external_customer_id",
    "payment_provider",
    "payment_provider_id",
    "billing_address",
    "shipping_address",
    "tax_id",
    "currency",
)

__all__ = ["create", "fetch", "fetch_by_external_id"]


def create(call: Call) -> Decision:
    """A new customer; events that waited for its external id are attributed to it."""
    state: State = call.account.state
    external_id = call.body.get("external_customer_id")
    if external_id is not None and external_id in state.by_external_id:
        why = f"A customer with external_customer_id {external_id} already exists."
        finding = Violation("$.external_customer_id", why, external_id, "orb.customer.duplicate")
        raise Refusal(errors.duplicate_resource(why), [finding])
    customer = _customer(call)
    state.customers[customer["id"]] = customer
    if external_id is not None:
        state.by_external_id[external_id] = customer["id"]
    if call.setting("orb.customer.attribution") == "never":
        return Decision(Reply.json(customer, 201))
    return Decision(Reply.json(customer, 201), attributed(state, external_id))


def fetch(call: Call) -> Decision:
    return _found(call, call.request.params["customer_id"], call.request.params["customer_id"])


def fetch_by_external_id(call: Call) -> Decision:
    external_id = call.request.params["external_customer_id"]
    return _found(call, call.account.state.by_external_id.get(external_id), external_id)


def _found(call: Call, id: str | None, asked: str) -> Decision:
    customer = call.account.state.customers.get(id)
    if customer is None:
        finding = Violation("$", f"no customer {asked!r}", asked, "orb.customer.not-found")
        raise Refusal(errors.missing_resource("Customer", asked), [finding])
    return Decision(Reply.json(customer))


def _customer(call: Call) -> dict[str, Any]:
    """A customer as Orb first shows it (rule orb.customer.defaults)."""
    given = call.body
    return {
        **{name: given.get(name) for name in AS_GIVEN},
        "id": call.account.id(),
        "name": given["name"],
        "email": given["email"],
        "additional_emails": given.get("additional_emails") or [],
        "metadata": {k: v for k, v in (given.get("metadata") or {}).items() if v is not None},
        "timezone": given.get("timezone") or "Etc/UTC",
        "created_at": call.now.replace(microsecond=0).isoformat(),
        "balance": "0.00",
        "auto_collection": given.get("auto_collection") is not False,
        "auto_issuance": given.get("auto_issuance"),
        "email_delivery": given.get("email_delivery") is not False,
        "exempt_from_automated_tax": None,
        "portal_url": None,
        "hierarchy": {"parent": None, "children": []},
    }
