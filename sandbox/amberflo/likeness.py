"""Which earlier record a cancellation is like enough to take back (rule
amberflo.ingest.cancel-match): by its uniqueId, or by the resource it names."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from sandbox.amberflo.records import Record, customer, said

__all__ = ["LIKENESS", "Likeness"]

Likeness = Callable[[Record], Hashable]


def _by_id(record: Record) -> Hashable:
    return record.get("uniqueId"), customer(record), record.get("meterApiName")


def _by_resource(record: Record) -> Hashable:
    dimensions = said(record.get("dimensions")) or {}
    return customer(record), record.get("meterApiName"), frozenset(dimensions.items())


LIKENESS: Mapping[str, Likeness | None] = {
    "record": None,
    "unique-id": _by_id,
    "resource": _by_resource,
}
"""By setting: what is equal for two records that are alike; None where all must be the same."""
