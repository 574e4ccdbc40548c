"""Which records of a request are refused, and why: by switches stricter than the contract, and one
by one where the switch amberflo.ingest.whole-batch says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from contracts.conformance import violations
from contracts.model import Violation
from contracts.schema import Schema
from sandbox.amberflo import errors
from sandbox.amberflo.records import place, records
from sandbox.amberflo.salvage import lost
from sandbox.reply import Refusal
from sandbox.room import Call

__all__ = ["Refused", "ingests_rest", "refuse_departing", "refused", "waived", "within"]

Refused = dict[int, list[Violation]]
Settings = Mapping[str, Any]
AHEAD = timedelta(minutes=5)
CHARACTERS = "amberflo.ingest.dimension-characters"
NULL = "amberflo.ingest.dimension-null"
NULLABLE = ("uniqueId", "customerId", "meterApiName", "meterValue", "dimensions", "values")
ITEM = re.compile(r"\$\[([0-9]+)\]")


def ingests_rest(settings: Settings) -> bool:
    """Whether a refused record of a list leaves the others alone."""
    return bool(settings["amberflo.ingest.whole-batch"] == "partial")


def waived(violation: Violation, settings: Settings) -> bool:
    """What goes on in spite of a departure: what is forgiven, and lists without one record."""
    alone = ingests_rest(settings) and within(violation.path) is not None
    return alone or forgiven(violation, settings)


def refuse_departing(call: Call) -> None:
    """Hold a body to the contract that was not held to it as it came: it is of another schema."""
    schema, settings = call.endpoint.request, call.account.settings
    if schema is None or schema.accepts(call.body):
        return
    every = violations(call.body, schema, rule=call.endpoint.rule)
    found = [violation for violation in every if not waived(violation, settings)]
    if found:
        reply = errors.violating(found, call.body, call.endpoint)
        raise Refusal(reply, found, lost(call.body, found[0].rule))


def forgiven(violation: Violation, settings: Settings) -> bool:
    """What the switches forgive: dimensions that are not text, and records without a meter."""
    if violation.rule == "amberflo.ingest.dimension-types":
        scalar = isinstance(violation.value, str | int | float)
        return scalar and bool(settings[violation.rule] == "text")
    if violation.rule == "amberflo.ingest.meter":
        return bool(settings[violation.rule] == "unmatched")
    return False


def within(path: str) -> int | None:
    """The index of the record of a list that a JSON path leads to, if it does."""
    item = ITEM.match(path)
    return int(item[1]) if item is not None else None


def refused(call: Call, body: Any, tidy: Schema) -> Refused:
    """Index of each record that is refused -> why; usually there is none."""
    found: Refused = {}
    if isinstance(body, list) and ingests_rest(call.account.settings):
        _add(found, _departures(call, body))
    if call.setting(CHARACTERS) == "strict":
        _add(found, (odd for odd in _each(body, tidy) if odd.rule == CHARACTERS))
    if call.setting("amberflo.ingest.null") == "reject":
        _add(found, _nulls(body))
    if call.setting(NULL) == "reject":
        _add(found, (odd for odd in _each(body, tidy) if odd.rule == NULL))
    if call.setting("amberflo.ingest.future") == "reject":
        _add(found, _future(call, body, found))
    return dict(sorted(found.items()))


def _add(found: Refused, told: Iterable[Violation]) -> None:
    for violation in told:
        found.setdefault(within(violation.path) or 0, []).append(violation)


def _each(body: Any, schema: Schema | None) -> Iterator[Violation]:
    """What a schema has against each record."""
    for index, record in enumerate(records(body)):
        if schema is None or schema.accepts(record):
            continue
        for v in violations(record, schema, rule="amberflo.ingest.structure"):
            at = place(body, index) + v.path[1:]
            yield Violation(at, v.message, v.value, v.rule, v.suggestion, v.also)


def _departures(call: Call, body: list[Any]) -> Iterator[Violation]:
    """What the contract has against single records, and no switch forgives."""
    for violation in _each(body, call.endpoint.event):
        if not forgiven(violation, call.account.settings):
            yield violation


def _nulls(body: Any) -> list[Violation]:
    why = "null, where the key may be left out"
    return [
        Violation(f"{place(body, index)}.{key}", why, None, "amberflo.ingest.null")
        for index, record in enumerate(records(body))
        if isinstance(record, dict)
        for key in NULLABLE
        if key in record and record[key] is None
    ]


def _future(call: Call, body: Any, found: Refused) -> list[Violation]:
    newest = int((call.now + AHEAD).timestamp() * 1000)
    return [
        Violation(
            f"{place(body, index)}.meterTimeInMillis",
            f"{record['meterTimeInMillis']} is more than 5 minutes ahead",
            record["meterTimeInMillis"],
            "amberflo.ingest.future",
        )
        for index, record in enumerate(records(body))
        if index not in found and record["meterTimeInMillis"] > newest
    ]
