"""POST /ingest: the checks of a whole request, then its records, then the one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Any

from contracts.conformance import json_path, violations
from contracts.model import Violation, did_you_mean
from contracts.schema import Schema
from sandbox.amberflo import errors
from sandbox.amberflo.attribution import credited
from sandbox.amberflo.custom import sort, wanted
from sandbox.amberflo.formats import FIELDS, Table, parsed
from sandbox.amberflo.objections import Refused, ingests_rest, refuse_departing, refused, within
from sandbox.amberflo.records import (
    CANCEL,
    Record,
    has_meter,
    place,
    readings,
    records,
)
from sandbox.amberflo.rules import Ingestion, State, ingest
from sandbox.amberflo.salvage import lost
from sandbox.amberflo.text import written
from sandbox.batch import Batch
from sandbox.body import content
from sandbox.reply import Decision, Effects, Outcome, Refusal, Reply
from sandbox.room import Call

__all__ = ["Ingest", "count"]

BACKFILL = timedelta(days=60)
MARK = "amberflo.ingest.cancel-value"
VALUES = "amberflo.ingest.values"
METERLESS = "amberflo.ingest.meter"
STRANGER = "amberflo.ingest.unknown-customer"
NOTHING = "amberflo.ingest.cancel-nothing"


@dataclass(frozen=True, slots=True)
class Taken:
    """Records that were taken: how many, what they did and what is told of them."""

    count: int
    effects: tuple[Effects, ...]
    findings: list[Violation]


@dataclass(frozen=True)
class Ingest:
    """The operation. `tidy` is the schema of records about which there is nothing to remark."""

    tidy: Schema

    def __call__(self, call: Call) -> Decision:
        schema = wanted(call.request)
        if schema is None:
            return _answered(self._taken(call, whole=True))
        found = sort(call, schema)
        taken = Taken(len(found.unread), found.effects(), found.told)
        if found.read or not found.unread:
            inner = replace(call, body=found.read)
            refuse_departing(inner)
            rest = self._taken(inner, whole=False)
            taken = Taken(
                taken.count + rest.count,
                (*taken.effects, *rest.effects),
                [*taken.findings, *rest.findings],
            )
        return _answered(taken)

    def _taken(self, call: Call, *, whole: bool) -> Taken:
        """Take the records of a body; `whole` says that they are all that the request brought."""
        body = call.body
        remarks = self._remarks(call, body)
        out = refused(call, body, self.tidy)
        if out and not (ingests_rest(call.account.settings) and len(out) < count(body)):
            found = [*chain.from_iterable(out.values())]
            raise Refusal(
                errors.violating(found, body, call.endpoint), found, lost(body, found[0].rule)
            )
        kept = [r for n, r in enumerate(body) if n not in out] if out else records(body)
        every: Sequence[int] = range(count(body))
        places = [n for n in every if n not in out] if out else every
        beside = call.setting(VALUES) == "beside"
        taken = _text(call, readings(kept, beside=beside))
        state: State = call.account.state
        done = ingest(taken, state, _oldest(call))
        told = [
            *chain.from_iterable(out.values()),
            *(remark for remark in remarks if not out or within(remark.path) not in out),
            *(_twice if beside else _left_aside)(body, kept, places),
            *_unbilled(body, kept, places, done, beside=beside),
        ]
        effects = _effects(call, done, taken, state, whole=whole and not out)
        return Taken(len(kept), (*_dropped(body, out), *effects), told)

    def _remarks(self, call: Call, body: Any) -> list[Violation]:
        """What is accepted and yet worth telling: lost keys, odd dimensions, odd times."""
        asked = [*_undetected(call), *_empty(call, body), *_columns(body)]
        if self.tidy.accepts(body):
            return asked
        found = violations(body, self.tidy, rule="amberflo.ingest.unknown-keys")
        return asked + [remark for remark in found if not _cancels(call, remark)]


def _answered(taken: Taken) -> Decision:
    answer = Reply.text(f"{taken.count} records were ingested")
    return Decision(answer, taken.effects, tuple(taken.findings))


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


def _empty(call: Call, body: Any) -> list[Violation]:
    if body != []:
        return []
    finding = Violation("$", "there are no records", body, "amberflo.ingest.empty")
    if call.setting(finding.rule) == "reject":
        raise Refusal(errors.violating([finding], body, call.endpoint), [finding])
    return [finding]


def _cancels(call: Call, remark: Violation) -> bool:
    """Whether the mark that is remarked on cancels after all."""
    return remark.rule == MARK and call.setting(MARK) == "any-case" and _is_true(remark.value)


def _is_true(value: Any) -> bool:
    return isinstance(value, str) and value.lower() == "true"


def _dropped(body: Any, out: Refused) -> tuple[Effects, ...]:
    """The usage of single records that were refused, by the first rule against each."""
    rules = dict.fromkeys(found[0].rule for found in out.values())
    return tuple(
        effects
        for rule in rules
        for effects in lost([body[n] for n, found in out.items() if found[0].rule == rule], rule)
    )


def _left_aside(body: Any, kept: Sequence[Record], places: Sequence[int]) -> list[Violation]:
    """Meters that do not count because `values` stand instead of them."""
    why = "this meter does not count: by switch, values stand instead of it"
    return [
        Violation(f"{place(body, n)}.meterApiName", why, record["meterApiName"], VALUES)
        for n, record in zip(places, kept, strict=True)
        if record.get("values") and has_meter(record)
    ]


def _twice(body: Any, kept: Sequence[Record], places: Sequence[int]) -> list[Violation]:
    """Meters that a record names twice, and counts for twice."""
    why = "this meter is in values as well: the record counts for both"
    return [
        Violation(f"{place(body, n)}.meterApiName", why, record["meterApiName"], VALUES)
        for n, record in zip(places, kept, strict=True)
        if record.get("values") and has_meter(record) and record["meterApiName"] in record["values"]
    ]


def _text(call: Call, taken: list[Record]) -> list[Record]:
    """The records as the switches read their dimensions: others than text as text, and the mark
    of a cancellation in any case."""
    as_text = call.setting("amberflo.ingest.dimension-types") == "text"
    any_case = call.setting(MARK) == "any-case"
    if not (as_text or any_case):
        return taken
    return [
        {**record, "dimensions": _read(record["dimensions"], any_case=any_case)}
        if record.get("dimensions")
        else record
        for record in taken
    ]


def _read(dimensions: Mapping[str, Any], *, any_case: bool) -> dict[str, str]:
    read = {name: written(value) for name, value in dimensions.items() if value is not None}
    if any_case and _is_true(read.get(CANCEL)):
        read[CANCEL] = "true"
    return read


def _oldest(call: Call) -> int | None:
    """The epoch millisecond before which usage is not billed, if there is one."""
    if call.setting("amberflo.ingest.past") == "billed":
        return None
    return int((call.now - BACKFILL).timestamp() * 1000)


def _effects(
    call: Call, done: Ingestion, taken: list[Record], state: State, *, whole: bool
) -> tuple[Effects, ...]:
    accepted = done.accepted
    plain = call.setting("amberflo.ingest.dimension-types") == "reject"
    if whole and plain and len(done.accepted) == len(taken):
        held = partial(_held, beside=call.setting(VALUES) == "beside")
        accepted = Batch(content(call.request), len(taken), held, call.now)
    groups: list[tuple[Outcome, Sequence[Record], str]] = [
        ("late", done.late, "amberflo.ingest.past"),
        ("duplicate", done.duplicate, "amberflo.ingest.duplicate"),
        ("removed", done.removed, "amberflo.ingest.cancel"),
        ("unmatched", list(done.idle.values()), NOTHING),
        ("unmatched", list(done.meterless.values()), METERLESS),
        ("unmatched", done.metadata, "amberflo.ingest.metadata"),
    ]
    return (
        *_credited(call, done.accepted, accepted, state),
        *(Effects(outcome, items, rule, state.usage) for outcome, items, rule in groups if items),
    )


def _credited(
    call: Call, records: Sequence[Record], kept: Sequence[Record], state: State
) -> tuple[Effects, ...]:
    if call.setting(STRANGER) == "billed":
        return (Effects("accepted", kept, None, state.usage),) if kept else ()
    return credited(records, kept, state)


def _held(raw: bytes, *, beside: bool) -> list[Record]:
    return readings(records(parsed(raw)), beside=beside)


def _unbilled(
    body: Any, kept: Sequence[Record], places: Sequence[int], done: Ingestion, *, beside: bool
) -> list[Violation]:
    """Why an answer of 200 brings no bill: a cancellation that finds nothing, or no meter."""
    if not done.idle and not done.meterless:
        return []
    idle = "this cancels a record that never came; all the rest of it must be the same"
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


def count(body: Any) -> int:
    """How many records a body has, as the answer counts them."""
    return len(body) if isinstance(body, list) else 1
