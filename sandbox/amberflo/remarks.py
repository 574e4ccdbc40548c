"""What is told of records that are taken: lost keys, odd values, and what bills nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.conformance import json_path, violations
from contracts.model import Violation, did_you_mean
from contracts.schema import Schema
from sandbox.amberflo.custom import wanted
from sandbox.amberflo.formats import FIELDS, Table
from sandbox.amberflo.records import Record, has_meter, place, readings
from sandbox.amberflo.rules import Ingestion
from sandbox.room import Call

__all__ = ["MARK", "METERLESS", "NOTHING", "VALUES", "is_true", "meters", "remarks", "unbilled"]

MARK = "amberflo.ingest.cancel-value"
VALUES = "amberflo.ingest.values"
METERLESS = "amberflo.ingest.meter"
NOTHING = "amberflo.ingest.cancel-nothing"


def remarks(call: Call, body: Any, tidy: Schema) -> list[Violation]:
    """What is accepted and yet worth telling; there is nothing where `tidy` accepts the body."""
    asked = [*_undetected(call), *_columns(body)]
    if tidy.accepts(body):
        return asked
    found = violations(body, tidy, rule="amberflo.ingest.unknown-keys")
    return asked + [remark for remark in found if not _cancels(call, remark)]


def _undetected(call: Call) -> list[Violation]:
    """A detection that is no word we know; the default schema reads the records."""
    asked = call.request.query.get("schemaDetection") if call.request.query_string else None
    if asked is None or wanted(call.request) is not None:
        return []
    why = f"schemaDetection={asked} is not AUTO; the records are read by the default schema"
    return [Violation("$", why, asked, "amberflo.ingest.custom-detection")]


def _columns(body: Any) -> list[Violation]:
    """Columns of a table that became dimensions and look as if they were meant for fields."""
    header = body.header if isinstance(body, Table) else ()
    absent = {name.lower(): name for name in FIELDS if name not in header}
    meant = [(name, did_you_mean(name.lower(), list(absent))) for name in header]
    return [
        Violation(
            json_path((0, "dimensions", name)),
            f"the column {name!r} is no field and became a dimension",
            body[0].get("dimensions", {}).get(name),
            "amberflo.ingest.csv",
            absent[near],
        )
        for name, near in meant
        if near is not None and name not in FIELDS
    ]


def _cancels(call: Call, remark: Violation) -> bool:
    """Whether the mark that is remarked on cancels after all."""
    return remark.rule == MARK and call.setting(MARK) == "any-case" and is_true(remark.value)


def is_true(value: Any) -> bool:
    """Whether a mark says true, in any case."""
    return isinstance(value, str) and value.lower() == "true"


def meters(
    body: Any, kept: Sequence[Record], places: Sequence[int], *, beside: bool
) -> list[Violation]:
    """Meters of records with `values`: those that count twice or, by switch, not at all."""
    twice = "this meter is in values as well: the record counts for both"
    aside = "this meter does not count: by switch, values stand instead of it"
    return [
        Violation(
            f"{place(body, n)}.meterApiName",
            twice if beside else aside,
            record["meterApiName"],
            VALUES,
        )
        for n, record in zip(places, kept, strict=True)
        if record.get("values") and has_meter(record)
        if not beside or record["meterApiName"] in record["values"]
    ]


def unbilled(
    body: Any, kept: Sequence[Record], places: Sequence[int], done: Ingestion, *, beside: bool
) -> list[Violation]:
    """Why an answer of 200 brings no bill: a cancellation that finds nothing, or no meter."""
    if not done.idle and not done.meterless:
        return []
    idle = "this cancels nothing: no earlier record is the same, or as much as a switch asks for"
    without = "the record has no meter with a value, and bills nothing"
    at = [
        place(body, n)
        for n, record in zip(places, kept, strict=True)
        for _ in readings([record], beside=beside)
    ]
    return [
        *[Violation(at[n], idle, r, NOTHING) for n, r in done.idle.items()],
        *[Violation(at[n], without, r, METERLESS) for n, r in done.meterless.items()],
    ]
