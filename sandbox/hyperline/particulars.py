"""What a customer of Hyperline is made of: as it is given, kept and shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.hyperline.moments import moment
from sandbox.hyperline.state import Customer

__all__ = ["changed", "new", "shown"]

DEFAULTS: Customer = {
    "name": None,
    "type": "corporate",
    "currency": None,
    "country": None,
    "tax_rate_custom": None,
    "taxability": "taxable",
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


def new(given: Mapping[str, Any], id: str, at: datetime) -> Customer:
    """A customer that is created with these particulars."""
    customer = {
        "id": id,
        "status": "active",
        **DEFAULTS,
        "tax_ids": [],
        "vat_number_valid": None,
        "current_payment_method_type": None,
        "current_payment_method_id": None,
        "subscriptions": [],
        "segment_ids": [],
        "integrations": [],
        "created_at": moment(at),
        "updated_at": moment(at),
        "deleted_at": None,
    }
    return changed(customer, given, at)


def changed(customer: Customer, given: Mapping[str, Any], at: datetime) -> Customer:
    """The customer with these particulars: null gives back the default (rule
    hyperline.customer.update)."""
    told = {key: _given(key, given[key]) for key in DEFAULTS if key in given}
    after = {**customer, **told, "updated_at": moment(at)}
    address = given.get("billing_address")
    if given.get("country") is None and address and address.get("country"):
        after["country"] = address["country"]
    if given.get("tax_ids") is not None:
        after["tax_ids"] = _tax_ids(given["tax_ids"])
    elif "vat_number" in given:
        after["tax_ids"] = _tax_ids([given["vat_number"]])
    if "payment_method_type" in given:
        after["current_payment_method_type"] = given["payment_method_type"]
    return after


def shown(customer: Mapping[str, Any], version: int) -> Mapping[str, Any]:
    """A customer as v1 or v2 shows it; v2 leaves out what is deprecated."""
    if version == 1:
        return customer
    return {key: value for key, value in customer.items() if key not in DEPRECATED}


def _given(key: str, value: Any) -> Any:
    return DEFAULTS[key] if value is None else value


def _tax_ids(given: list[Any]) -> list[dict[str, str]]:
    """Each tax id, and that nobody has looked it up."""
    values = [item.get("value") if isinstance(item, dict) else item for item in given]
    return [{"value": value, "status": "pending"} for value in values if value]
