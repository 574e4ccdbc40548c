"""What Orb shows of a customer: as it begins, and after a change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

__all__ = ["changed", "edited", "merged", "new"]

Customer = dict[str, Any]
Given = Mapping[str, Any]
# Cleared by null (rule orb.customer.update-null).
CLEARED = ("payment_provider", "payment_provider_id", "tax_id", "auto_issuance")
# Not cleared: what a customer must have, and what can only be set once.
KEPT = ("name", "email", "auto_collection", "email_delivery", "currency", "external_customer_id")
ADDRESSES = ("billing_address", "shipping_address")
ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")
CONFIGURED = ("reporting_configuration", "accounting_sync_configuration", "payment_configuration")
# What an edit tells webhook endpoints the former value of.
TOLD = (
    *("auto_collection", "billing_address", "email", "email_delivery", "external_customer_id"),
    *("metadata", "name", "payment_provider", "payment_provider_id", "shipping_address", "tax_id"),
)


def new(given: Given, id: str, now: datetime) -> Customer:
    """A customer as Orb first shows it (rule orb.customer.defaults)."""
    blank: Customer = {
        **dict.fromkeys(("external_customer_id", *CLEARED, *ADDRESSES, *CONFIGURED, "currency")),
        "id": id,
        "created_at": now.replace(microsecond=0).isoformat(),
        "timezone": given.get("timezone") or "Etc/UTC",
        "metadata": {},
        "additional_emails": [],
        "balance": "0.00",
        "auto_collection": True,
        "email_delivery": True,
        "exempt_from_automated_tax": None,
        "automatic_tax_enabled": None,
        "default_payment_method": None,
        "portal_url": None,
    }
    return changed(blank, given)


def changed(customer: Customer, given: Given) -> Customer:
    """The customer with what is given; what is not stays (rule orb.customer.update)."""
    after = dict(customer)
    after |= {name: given[name] for name in CLEARED if name in given}
    after |= {name: given[name] for name in KEPT if given.get(name) is not None}
    after |= {name: _address(given[name]) for name in ADDRESSES if name in given}
    after |= {name: _configured(name, given[name]) for name in CONFIGURED if name in given}
    if "additional_emails" in given:
        after["additional_emails"] = list(given["additional_emails"] or [])
    if "metadata" in given:
        after["metadata"] = merged(customer["metadata"], given["metadata"])
    if "tax_configuration" in given:
        after["exempt_from_automated_tax"] = (given["tax_configuration"] or {}).get("exempt")
    return after


def merged(metadata: Mapping[str, str], given: Mapping[str, str | None] | None) -> dict[str, str]:
    """Metadata after a change: null clears all of it, or one key (rule orb.metadata)."""
    if given is None:
        return {}
    return {name: value for name, value in {**metadata, **given}.items() if value is not None}


def edited(before: Customer, after: Customer) -> dict[str, Any]:
    """The former values of what is different now."""
    return {name: before[name] for name in TOLD if before[name] != after[name]}


def _address(given: Given | None) -> dict[str, Any] | None:
    return None if given is None else {name: given.get(name) for name in ADDRESS}


def _configured(name: str, given: Given | None) -> dict[str, Any] | None:
    """A configuration with the keys that Orb always shows."""
    if given is None:
        return None
    if name == "accounting_sync_configuration":
        excluded, providers = given.get("excluded"), given.get("accounting_providers")
        return {"excluded": excluded or False, "accounting_providers": providers or []}
    return dict(given)
