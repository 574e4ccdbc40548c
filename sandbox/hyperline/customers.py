"""Hyperline's customers: created, or brought into being by an event; fetched by their id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from contracts.model import Violation
from sandbox.hyperline import errors
from sandbox.hyperline.state import State
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

__all__ = ["create", "fetch", "imported", "moment", "shown"]

Customer = dict[str, Any]

DEFAULTS: Customer = {
    "name": None,
    "type": "corporate",
    "currency": None,
    "country": None,
    "tax_rate_custom": None,
    "registration_number": None,
    "is_government_affiliated": False,
    "language": None,
    "timezone": None,
    "external_id": None,
    "properties": None,
    "custom_properties": {},
    "billing_address": None,
    "shipping_address": None,
    "billing_email": None,
    "invoice_emails": [],
    "invoicing_entity_id": None,
    "invoice_reminders_enabled": True,
    "price_book_id": None,
    "available_payment_methods": [],
    "custom_payment_delay": None,
    "custom_payment_initiation_delay": None,
    "vat_number": None,
    "vat_rate_custom": None,
}
"""What a caller may give, and what stands without it (rule hyperline.customer.defaults)."""

DEPRECATED = ("vat_number", "vat_number_valid", "vat_rate_custom")


def create(call: Call) -> Decision:
    """A new customer, unless its external id is taken."""
    state: State = call.account.state
    external_id = call.body.get("external_id")
    if external_id in state.by_external_id:
        why = f"a customer has the external_id {external_id!r} already"
        if state.by_external_id[external_id] in state.pending:
            why += ", made for an event; on the dashboard, pending-customers activates it"
        finding = Violation("$.external_id", why, external_id, "hyperline.customer.duplicate")
        raise Refusal(errors.taken(external_id), [finding])
    customer = _customer(call, call.body)
    reply = _written(customer)
    state.add(customer)
    return Decision(reply)


def _written(customer: Customer) -> Reply:
    try:
        return Reply.json(shown(customer, 1), 201)
    except orjson.JSONEncodeError as fault:
        why = "lists and objects lie too deep in each other to be written again"
        finding = Violation("$", why, None, "hyperline.body.malformed")
        raise Refusal(errors.invalid([finding]), [finding]) from fault


def imported(call: Call, external_id: str) -> None:
    """A customer that an event names and nobody has set up (hyperline.ingest.unknown-customer)."""
    state: State = call.account.state
    customer = _customer(call, {"external_id": external_id, "name": external_id})
    customer |= {"type": "automatically_created", "status": "imported"}
    state.add(customer)
    state.pending.add(customer["id"])


def fetch(call: Call, version: int) -> Decision:
    asked = call.request.params["id"]
    customer = call.account.state.customers.get(asked)
    if customer is None:
        finding = Violation("$", f"no customer {asked!r}", asked, "hyperline.customer.not-found")
        raise Refusal(errors.customer_not_found(), [finding])
    return Decision(Reply.json(shown(customer, version)))


def shown(customer: Mapping[str, Any], version: int) -> Mapping[str, Any]:
    """A customer as v1 or v2 shows it; v2 leaves out what is deprecated."""
    if version == 1:
        return customer
    return {key: value for key, value in customer.items() if key not in DEPRECATED}


def _customer(call: Call, given: Customer) -> Customer:
    now = moment(call.now)
    vat = given.get("vat_number")
    return {
        "id": call.account.id(14, "cus_"),
        "status": "active",
        **DEFAULTS,
        **{key: value for key, value in given.items() if key in DEFAULTS and value is not None},
        "tax_ids": [{"value": vat, "status": "pending"}] if vat else [],
        "vat_number_valid": None,
        "current_payment_method_type": given.get("payment_method_type"),
        "current_payment_method_id": None,
        "subscriptions": [],
        "segment_ids": [],
        "integrations": [],
        "created_at": now,
        "updated_at": now,
        "deleted_at": None,
    }


def moment(at: datetime) -> str:
    """A time as Hyperline writes it: UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
