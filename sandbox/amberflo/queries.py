"""Queries of usage, read once: which records, in which slots of time, by which groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.conformance import json_path
from contracts.model import Violation
from sandbox.amberflo import errors
from sandbox.amberflo.counting import Meter
from sandbox.amberflo.intervals import INTERVALS, Interval, Slots, after, floor, slots
from sandbox.amberflo.rules import State
from sandbox.metering import Aggregation
from sandbox.reply import Refusal
from sandbox.room import Call

__all__ = ["ROWS", "Query", "read", "too_large"]

ROWS = 100_000
HOWS: Mapping[str, Aggregation] = {"SUM": "sum", "COUNT": "count", "MIN": "min", "MAX": "max"}
IDLE = ("valuesTimeGroupingInterval", "rescaleFunction")
KNOWN = (
    "account",
    "meterApiName",
    "aggregation",
    "timeRange",
    "filter",
    "groupBy",
    "take",
    "timeGroupingInterval",
    *IDLE,
)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of one meter. `meter` is None where none of that name is declared; `at` is the
    query's place in the body and `metadata` what the answer repeats of it."""

    name: str
    meter: Meter | None
    how: Aggregation
    slots: Slots
    group_by: tuple[str, ...]
    filter: Mapping[str, frozenset[str]]
    limit: int | None
    ascending: bool
    metadata: Mapping[str, Any]
    at: tuple[int, ...] = ()
    remarks: tuple[Violation, ...] = field(default=())


def read(call: Call, given: Mapping[str, Any], at: tuple[int, ...] = ()) -> Query:
    """A query that conforms, as the account's meters and switches read it. Raises Refusal."""
    meter = _meter(call, given, at)
    how, remarks = _how(given, meter, at)
    interval = _interval(call, given, at)
    spanned, end = _slots(call, given["timeRange"], interval, at)
    take = given.get("take") or {}
    metadata = {
        "account": None,
        **{name: given[name] for name in KNOWN if given.get(name) is not None},
        "aggregation": given.get("aggregation") or how.upper(),
        "timeRange": {**given["timeRange"], "endTimeInSeconds": end},
    }
    return Query(
        name=given["meterApiName"],
        meter=meter,
        how=how,
        slots=spanned,
        group_by=tuple(dict.fromkeys(given.get("groupBy") or ())),
        filter={name: frozenset(values) for name, values in (given.get("filter") or {}).items()},
        limit=take.get("limit"),
        ascending=take.get("isAscending") is True,
        metadata=metadata,
        at=at,
        remarks=(*remarks, *_idle(given, at)),
    )


def too_large(rows: int, at: Sequence[int]) -> Refusal:
    """A 400 about an answer of more rows than a query gives (rule amberflo.usage.size)."""
    why = f"the answer has {rows} rows, and a query gives at most {ROWS}"
    return _refused(at, (), why, rows, "amberflo.usage.size")


def _meter(call: Call, given: Mapping[str, Any], at: Sequence[int]) -> Meter | None:
    state: State = call.account.state
    name, rule = given["meterApiName"], "amberflo.usage.unknown-meter"
    meter = state.register.named.get(name)
    if meter is None and call.setting(rule) == "reject":
        raise _refused(
            at, ("meterApiName",), f"Meter does not exist with 'meterApiName': {name}", name, rule
        )
    return meter


def _how(
    given: Mapping[str, Any], meter: Meter | None, at: Sequence[int]
) -> tuple[Aggregation, list[Violation]]:
    """How values make a total: as asked, else as the meter's own type says."""
    asked = given.get("aggregation")
    own = meter.aggregation if meter is not None else "sum"
    if asked is None:
        return own or "sum", [] if own else [_durations(at)]
    if asked.upper() == "UNIQUE" and own == "unique":
        return "unique", []
    how = HOWS.get(asked.upper())
    if how is None:
        why = f"{asked!r} is not one of {', '.join(HOWS)}"
        raise _refused(at, ("aggregation",), why, asked, "amberflo.usage.aggregation")
    return how, [] if own else [_durations(at)]


def _durations(at: Sequence[int]) -> Violation:
    why = "the meter measures durations, which are not computed: this is of the values as sent"
    return Violation(json_path([*at, "meterApiName"]), why, None, "amberflo.meter.duration")


def _interval(call: Call, given: Mapping[str, Any], at: Sequence[int]) -> Interval | None:
    asked, rule = given.get("timeGroupingInterval"), "amberflo.usage.interval"
    where = ("timeGroupingInterval",)
    if asked is None:
        if call.setting(rule) == "required":
            raise _refused(at, where, "'timeGroupingInterval' is a required property", None, rule)
        return None
    for known in INTERVALS:
        if asked.upper() == known:
            return known
    raise _refused(at, where, f"{asked!r} is not one of {', '.join(INTERVALS)}", asked, rule)


def _slots(
    call: Call, range: Mapping[str, Any], interval: Interval | None, at: Sequence[int]
) -> tuple[Slots, int]:
    """The slots of a time range, which is extended to whole ones (rule amberflo.usage.extended),
    and when the range itself ends."""
    start, asked = int(range["startTimeInSeconds"]), range.get("endTimeInSeconds")
    end = int(call.now.timestamp()) if asked is None else int(asked)
    if end <= start:
        why = f"the time range ends at {end}, no later than it begins"
        raise _refused(at, ("timeRange",), why, dict(range), "amberflo.usage.time-range")
    # The moment that the range ends at belongs to it when nobody named it, or by switch.
    including = asked is None or call.setting("amberflo.usage.range-end") == "inclusive"
    week = call.setting("amberflo.usage.week")
    unit = interval or "HOUR"
    last = floor(end if including else end - 1, unit, week)
    close = after(last, unit)
    endless = asked is None and call.setting("amberflo.usage.open-end") == "infinity"
    first = floor(start, unit, week)
    starts = slots(start, close, unit, week) if interval else [first]
    if len(starts) > ROWS:
        raise too_large(len(starts), at)
    return Slots(starts, None if endless else close), end


def _idle(given: Mapping[str, Any], at: Sequence[int]) -> Iterator[Violation]:
    """What is asked and not done."""
    for name in sorted(given):
        if name in IDLE and given[name] is not None:
            why = f"{name} is not emulated; the answer is as without it"
            yield Violation(json_path([*at, name]), why, given[name], "amberflo.usage.idle")
        elif name not in KNOWN:
            why = f"{name!r} is no field of a query and changes nothing"
            yield Violation(json_path([*at, name]), why, given[name], "amberflo.usage.unknown-keys")


def _refused(at: Sequence[int], path: Sequence[str], why: str, value: Any, rule: str) -> Refusal:
    """A 400 about one part of a query."""
    return Refusal(errors.invalid(why), [Violation(json_path([*at, *path]), why, value, rule)])
