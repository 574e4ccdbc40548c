"""The usage that a refused body would have been, as far as it can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.model import Endpoint
from sandbox.amberflo.records import records
from sandbox.reply import Effects, Usage

__all__ = ["lost", "salvage"]


def salvage(body: Any, endpoint: Endpoint) -> Sequence[Usage]:
    """What was lost with a body that does not conform; only ingestion loses usage."""
    if endpoint.name != "ingest":
        return ()
    return [
        usage for record in records(body) if isinstance(record, dict) for usage in _told(record)
    ]


def lost(body: Any, rule: str) -> tuple[Effects, ...]:
    """What was lost with a body that conforms and was refused by `rule`."""
    told = [usage for r in records(body) if isinstance(r, dict) for usage in _told(r)]
    return (Effects("rejected", told, rule),) if told else ()


def _told(record: Mapping[str, Any]) -> list[Usage]:
    dimensions = record.get("dimensions")
    unit = dimensions.get("business_unit_id") if isinstance(dimensions, dict) else None
    whom = _name(record.get("customerId")) or _name(unit)
    event = _name(record.get("uniqueId")) or ""
    return [Usage(event, whom, meter, value) for meter, value in _meters(record)]


def _meters(record: Mapping[str, Any]) -> list[tuple[str | None, int | float]]:
    values = record.get("values")
    several = [(k, _number(v)) for k, v in values.items()] if isinstance(values, dict) else []
    own = _name(record.get("meterApiName"))
    if own is None and several:
        return [*several]
    return [(own, _number(record.get("meterValue"))), *several]


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int | float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0
