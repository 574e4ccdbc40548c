"""What a record says: its meters, whom it bills, which other it takes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "CANCEL",
    "METADATA",
    "Record",
    "cancelled",
    "customer",
    "has_meter",
    "place",
    "readings",
    "records",
    "said",
]

Record = dict[str, Any]
CANCEL = "aflo.cancel_previous_resource_event"
METADATA = "aflo.object_metadata"


def records(body: Any) -> list[Record]:
    """The records of a body that conforms: one object is a list of one."""
    return body if isinstance(body, list) else [body]


def place(body: Any, index: int) -> str:
    """Where a record of a body is, as a JSON path."""
    return f"$[{index}]" if isinstance(body, list) else "$"


def readings(given: Sequence[Record], *, beside: bool) -> list[Record]:
    """The records with one meter each: `values` holds several meters (rule amberflo.ingest.values).

    A record's own meter counts `beside` them, or not at all.
    """
    found: list[Record] = []
    for record in given:
        if not record.get("values"):
            found.append(record)
            continue
        if beside and has_meter(record):
            found.append({**record, "values": None})
        for meter, value in record["values"].items():
            found.append({**record, "values": None, "meterApiName": meter, "meterValue": value})
    return found


def has_meter(record: Record) -> bool:
    """Whether a record has a meter of its own, and a value for it."""
    return record.get("meterApiName") is not None and record.get("meterValue") is not None


def customer(record: Record) -> str | None:
    """Whom a record bills: its customer, else its business unit (rule amberflo.ingest.customer)."""
    named: str | None = record.get("customerId")
    return named or (record.get("dimensions") or {}).get("business_unit_id")


def said(dimensions: dict[str, str | None] | None) -> dict[str, str | None] | None:
    """The dimensions but for those that are null (rule amberflo.ingest.dimension-null)."""
    if not dimensions or None not in dimensions.values():
        return dimensions
    return {name: value for name, value in dimensions.items() if value is not None}


def cancelled(record: Record) -> Record | None:
    """The record that this one cancels: itself without the mark (rule amberflo.ingest.cancel)."""
    dimensions = record.get("dimensions")
    if not dimensions or dimensions.get(CANCEL) != "true":
        return None
    return {**record, "dimensions": {k: v for k, v in dimensions.items() if k != CANCEL}}
