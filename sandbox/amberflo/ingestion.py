"""POST /ingest: the checks of a whole request, then its records, then the one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contracts.conformance import violations
from contracts.model import Violation
from contracts.schema import Schema
from sandbox.amberflo import errors
from sandbox.amberflo.records import Record, parsed, readings, records
from sandbox.amberflo.rules import Ingestion, State, ingest
from sandbox.amberflo.salvage import lost
from sandbox.amberflo.text import written
from sandbox.batch import Batch
from sandbox.body import content
from sandbox.reply import Decision, Effects, Outcome, Refusal, Reply
from sandbox.room import Call

__all__ = ["Ingest", "count"]

BACKFILL = timedelta(days=60)
AHEAD = timedelta(minutes=5)
CHARACTERS = "amberflo.ingest.dimension-characters"
METERLESS = "amberflo.ingest.meter"
NOTHING = "amberflo.ingest.cancel-nothing"


@dataclass(frozen=True)
class Ingest:
    """The operation. `tidy` is the schema of records about which there is nothing to remark."""

    tidy: Schema

    def __call__(self, call: Call) -> Decision:
        body = call.body
        found = [*_custom(call), *_empty(call, body), *self._remarks(call, body)]
        _refuse_future(call, body)
        state: State = call.account.state
        taken = _text(call, readings(body))
        done = ingest(taken, state, _oldest(call))
        answer = Reply.text(f"{count(body)} records were ingested")
        return Decision(
            answer, _effects(call, done, taken, state), (*found, *_unbilled(body, done))
        )

    def _remarks(self, call: Call, body: Any) -> list[Violation]:
        """What is accepted and yet worth telling: lost keys, odd dimensions, odd times."""
        if self.tidy.accepts(body):
            return []
        found = violations(body, self.tidy, rule="amberflo.ingest.unknown-keys")
        bad = [violation for violation in found if violation.rule == CHARACTERS]
        if bad and call.setting(CHARACTERS) == "strict":
            raise Refusal(errors.violating(bad, body, call.endpoint), found, lost(body, CHARACTERS))
        return found


def _custom(call: Call) -> list[Violation]:
    query = call.request.query if call.request.query_string else {}
    why = "custom schemas are not emulated; the records are read by the default schema"
    rule = "amberflo.ingest.custom-schema"
    asked = [name for name in ("schemaDetection", "ingestSchemaId") if name in query]
    return [Violation("$", why, f"{name}={query[name]}", rule) for name in asked]


def _empty(call: Call, body: Any) -> list[Violation]:
    if body != []:
        return []
    finding = Violation("$", "there are no records", body, "amberflo.ingest.empty")
    if call.setting(finding.rule) == "reject":
        raise Refusal(errors.violating([finding], body, call.endpoint), [finding])
    return [finding]


def _refuse_future(call: Call, body: Any) -> None:
    rule = "amberflo.ingest.future"
    if call.setting(rule) == "accept":
        return
    newest = int((call.now + AHEAD).timestamp() * 1000)
    found = []
    for index, record in enumerate(records(body)):
        at = record["meterTimeInMillis"]
        if at > newest:
            place = f"$[{index}]" if isinstance(body, list) else "$"
            why = f"{at} is more than 5 minutes ahead"
            found.append(Violation(f"{place}.meterTimeInMillis", why, at, rule))
    if found:
        raise Refusal(errors.violating(found, body, call.endpoint), found, lost(body, rule))


def _text(call: Call, taken: list[Record]) -> list[Record]:
    """The records with dimensions as text, where the switch lets others in."""
    if call.setting("amberflo.ingest.dimension-types") == "reject":
        return taken
    return [
        {**record, "dimensions": {k: written(v) for k, v in record["dimensions"].items()}}
        if record.get("dimensions")
        else record
        for record in taken
    ]


def _oldest(call: Call) -> int | None:
    """The epoch millisecond before which usage is not billed, if there is one."""
    if call.setting("amberflo.ingest.past") == "billed":
        return None
    return int((call.now - BACKFILL).timestamp() * 1000)


def _effects(call: Call, done: Ingestion, taken: list[Record], state: State) -> tuple[Effects, ...]:
    accepted = done.accepted
    plain = call.setting("amberflo.ingest.dimension-types") == "reject"
    if plain and len(done.accepted) == len(taken):
        raw = content(call.request)
        accepted = Batch(raw, len(taken), _held, call.now)
    groups: list[tuple[Outcome, Sequence[Record], str | None]] = [
        ("accepted", accepted, None),
        ("late", done.late, "amberflo.ingest.past"),
        ("duplicate", done.duplicate, "amberflo.ingest.duplicate"),
        ("removed", done.removed, "amberflo.ingest.cancel"),
        ("unmatched", list(done.idle.values()), NOTHING),
        ("unmatched", list(done.meterless.values()), METERLESS),
    ]
    return tuple(
        Effects(outcome, items, rule, state.usage) for outcome, items, rule in groups if items
    )


def _held(raw: bytes) -> list[Record]:
    return readings(parsed(raw))


def _unbilled(body: Any, done: Ingestion) -> list[Violation]:
    """Why an answer of 200 brings no bill: a cancellation that finds nothing, or no meter."""
    if not done.idle and not done.meterless:
        return []
    idle = "this cancels a record that never came; all the rest of it must be the same"
    without = "the record has no meter with a value, and bills nothing"
    places = [
        f"$[{index}]" if isinstance(body, list) else "$"
        for index, record in enumerate(records(body))
        for _ in readings(record)
    ]
    return [
        *[Violation(places[n], idle, r, NOTHING) for n, r in done.idle.items()],
        *[Violation(places[n], without, r, METERLESS) for n, r in done.meterless.items()],
    ]


def count(body: Any) -> int:
    """How many records a body has, as the answer counts them."""
    return len(body) if isinstance(body, list) else 1
