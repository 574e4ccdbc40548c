"""What a query of usage is answered: groups, and in each of them what every slot comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any

import orjson

from contracts.conformance import json_path
from contracts.model import Violation
from sandbox.amberflo import errors
from sandbox.amberflo.counting import value_of
from sandbox.amberflo.queries import ROWS, Query, too_large
from sandbox.amberflo.records import Record, said
from sandbox.metering import aggregate, exact
from sandbox.reply import Refusal

__all__ = ["number", "report"]

Key = tuple[str | None, ...]
Write = Callable[[Decimal], Any]
ALWAYS = ("customerId", "business_unit_id")
FIELDS = "amberflo.usage.unknown-field"
EMPTY = "amberflo.usage.nothing"
EXACT = "amberflo.usage.exact"


@dataclass(slots=True)
class Group:
    """The values of one group: slot -> values, and what all of them come to."""

    key: Key
    values: dict[int, list[Any]] = field(default_factory=dict)
    total: Decimal = Decimal()


def report(
    query: Query, records: Sequence[Record], settings: Mapping[str, Any], *, sparse: bool = False
) -> dict[str, Any]:
    """The answer to one query, from the records of its meter: `sparse` without the slots in which
    nothing happened."""
    if settings[FIELDS] == "reject":
        _check_fields(query, records)
    groups = _chosen(query, _groups(query, records))
    if not groups and not query.group_by and settings[EMPTY] == "zeros":
        groups = [Group(())]
    shown = range(len(query.slots.starts))
    happened = sorted({slot for group in groups for slot in group.values}) if sparse else shown
    rows = len(happened) * len(groups)
    if rows > ROWS:
        raise too_large(rows, query.at)
    write = number if settings[EXACT] == "exact" else _nearest
    return {
        "metadata": query.metadata,
        "secondsSinceEpochIntervals": [query.slots.starts[slot] for slot in happened],
        "clientMeters": [_shown(query, group, happened, write, sparse=sparse) for group in groups],
    }


def _check_fields(query: Query, records: Sequence[Record]) -> None:
    """Fields that neither the meter nor any of its records has (rule
    amberflo.usage.unknown-field)."""
    unknown = {*query.group_by, *query.filter} - {*ALWAYS}
    if query.meter is not None:
        unknown -= {*query.meter.shown["dimensions"], *query.meter.shown["aggregationDimensions"]}
    for record in records:
        if not unknown:
            return
        # In place: another set for each record takes long where very many fields are asked for.
        unknown.difference_update(said(record.get("dimensions")) or ())
    if unknown:
        name = min(unknown)
        at = "filter" if name in query.filter else "groupBy"
        why = f"{name} is no dimension of {query.name}"
        finding = Violation(json_path([*query.at, at]), why, name, FIELDS)
        raise Refusal(errors.invalid(why), [finding])


def _groups(query: Query, records: Iterable[Record]) -> Iterable[Group]:
    groups: dict[Key, Group] = {}
    for record in records:
        slot = query.slots.find(record["meterTimeInMillis"])
        if slot is None or not _fits(query, record):
            continue
        value = _value(query, record)
        if value is None:
            continue  # it lacks what differs (rule amberflo.meter.aggregation-dimension)
        key = tuple(value_of(record, name) for name in query.group_by)
        group = groups.setdefault(key, Group(key))
        group.values.setdefault(slot, []).append(value)
    return groups.values()


def _fits(query: Query, record: Record) -> bool:
    """Whether it has one of the values asked for, in each field that is filtered by."""
    return all(value_of(record, name) in wanted for name, wanted in query.filter.items())


def _value(query: Query, record: Record) -> Any:
    if query.how == "unique" and query.meter is not None:
        return query.meter.identity(record)
    return record.get("meterValue") or 0


def _chosen(query: Query, groups: Iterable[Group]) -> list[Group]:
    """The largest first, or the smallest, and as many as were asked for (rule
    amberflo.usage.take)."""
    found = sorted(groups, key=lambda group: [(name is not None, name or "") for name in group.key])
    for group in found:
        every = [value for values in group.values.values() for value in values]
        group.total = aggregate(query.how, every)
    found.sort(key=lambda group: group.total, reverse=not query.ascending)
    return found[: query.limit]


def _shown(
    query: Query, group: Group, slots: Iterable[int], write: Write, *, sparse: bool
) -> dict[str, Any]:
    own = [slot for slot in slots if slot in group.values] if sparse else slots
    named = zip(query.group_by, group.key, strict=True) if group.key else ()
    return {
        "group": {"groupInfo": {name: value for name, value in named if value is not None}},
        "groupValue": write(group.total),
        "values": list(_values(query, group, own, write)),
    }


def _values(
    query: Query, group: Group, slots: Iterable[int], write: Write
) -> Iterator[dict[str, Any]]:
    before: Decimal | None = None
    for slot in slots:
        value = aggregate(query.how, group.values.get(slot, ()))
        yield {
            "percentageFromPrevious": number(_change(before, value)),
            "value": write(value),
            "secondsSinceEpochUtc": query.slots.starts[slot],
        }
        before = value


def _change(before: Decimal | None, value: Decimal) -> Decimal:
    """By how many percent a value differs from the one before; from nothing it is all of it."""
    if before is None or before == value:
        return Decimal()
    if before == 0:
        return Decimal(100 if value > 0 else -100)
    change = (value - before) / before * 100
    double = float(change)
    return exact(double) if isfinite(double) else change


def number(value: Decimal) -> Any:
    """A number as Amberflo writes it, a double, where that is exact; else with all its digits."""
    double = _nearest(value)
    return double if isinstance(double, float) and exact(double) == value else _digits(value)


def _nearest(value: Decimal) -> Any:
    """The double nearest to a number, if there is one."""
    double = float(value)
    return double + 0.0 if isfinite(double) else _digits(value)  # -0.0 is 0.0


def _digits(value: Decimal) -> orjson.Fragment:
    return orjson.Fragment(format(value, "f"))
