"""POST /ingest: the checks of a whole request, then its records, then the one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Any

from contracts.model import Violation
from contracts.schema import Schema
from sandbox.amberflo import errors
from sandbox.amberflo.attribution import credited
from sandbox.amberflo.counting import settled
from sandbox.amberflo.custom import sort, wanted
from sandbox.amberflo.formats import parsed
from sandbox.amberflo.likeness import LIKENESS
from sandbox.amberflo.objections import Refused, ingests_rest, refuse_departing, refused, within
from sandbox.amberflo.records import (
    CANCEL,
    Record,
    readings,
    records,
)
from sandbox.amberflo.remarks import (
    MARK,
    METERLESS,
    NOTHING,
    VALUES,
    is_true,
    meters,
    remarks,
    unbilled,
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
MATCH = "amberflo.ingest.cancel-match"
STRANGER = "amberflo.ingest.unknown-customer"


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
        remarked = [*_empty(call, body), *remarks(call, body, self.tidy)]
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
        done = ingest(taken, state, _oldest(call), LIKENESS[call.setting(MATCH)])
        told = [
            *chain.from_iterable(out.values()),
            *(remark for remark in remarked if not out or within(remark.path) not in out),
            *meters(body, kept, places, beside=beside),
            *unbilled(body, kept, places, done, beside=beside),
        ]
        effects = _effects(call, done, taken, state, whole=whole and not out)
        billed, silent = settled(effects, state.register)
        return Taken(len(kept), (*_dropped(body, out), *billed), [*told, *silent])


def _answered(taken: Taken) -> Decision:
    answer = Reply.text(f"{taken.count} records were ingested")
    return Decision(answer, taken.effects, tuple(taken.findings))


def _empty(call: Call, body: Any) -> list[Violation]:
    if body != []:
        return []
    finding = Violation("$", "there are no records", body, "amberflo.ingest.empty")
    if call.setting(finding.rule) == "reject":
        raise Refusal(errors.violating([finding], body, call.endpoint), [finding])
    return [finding]


def _dropped(body: Any, out: Refused) -> tuple[Effects, ...]:
    """The usage of single records that were refused, by the first rule against each."""
    rules = dict.fromkeys(found[0].rule for found in out.values())
    return tuple(
        effects
        for rule in rules
        for effects in lost([body[n] for n, found in out.items() if found[0].rule == rule], rule)
    )


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
    if any_case and is_true(read.get(CANCEL)):
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
    if accepted:
        state.kept.append(accepted)
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


def count(body: Any) -> int:
    """How many records a body has, as the answer counts them."""
    return len(body) if isinstance(body, list) else 1
