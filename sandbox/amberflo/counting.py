"""What a record counts for: its meter says so, once there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from contracts.model import Violation, did_you_mean
from sandbox.amberflo.records import Record, customer
from sandbox.metering import Aggregation
from sandbox.reply import Effects, Usage

__all__ = ["AGGREGATIONS", "DIMENSION", "Meter", "Register", "settled", "value_of"]

UNDECLARED = "amberflo.meter.undeclared"
DEPRECATED = "amberflo.meter.deprecated"
UNBILLED = "amberflo.meter.use-in-billing"
DURATION = "amberflo.meter.duration"
DIMENSION = "amberflo.meter.aggregation-dimension"
PERIOD = "amberflo.ledger.period"
AGGREGATIONS: Mapping[str, Aggregation | None] = {
    "sum_of_all_usage": "sum",
    "active_users": "unique",
    "event_duration": None,
    "max_usage": "max",
    "unique_count": "unique",
}
"""Meter type -> how its records make a total; None where that is not known (rules
amberflo.meter.type and amberflo.meter.duration)."""
WHY = {
    UNDECLARED: "no meter is called {name!r}: {count} bill nothing until one is",
    DEPRECATED: "the meter {name!r} is deprecated: {count} bill nothing",
    UNBILLED: "the meter {name!r} is not used in billing: {count} bill nothing",
    DURATION: "the meter {name!r} measures durations, which are not computed: {count} bill nothing",
    DIMENSION: "{count} of {name!r} lack a dimension that is counted by, and bill nothing",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def value_of(record: Record, name: str) -> str | None:
    """A record's customerId or dimension of that name, by which usage is grouped and filtered."""
    if name == "customerId":
        return record.get("customerId") or None
    value: str | None = (record.get("dimensions") or {}).get(name)
    return value


@dataclass(slots=True)
class Meter:
    """A meter as Amberflo shows it; `deprecated_at` is since when, in epoch milliseconds."""

    shown: dict[str, Any]
    deprecated_at: int | None = None

    @property
    def name(self) -> str:
        name: str = self.shown["meterApiName"]
        return name

    @property
    def aggregation(self) -> Aggregation | None:
        return AGGREGATIONS[self.shown["meterType"]]

    def identity(self, record: Record) -> str | None:
        """What a record is told apart by, where the meter counts what differs; None where the
        record lacks one of the dimensions (rule amberflo.meter.aggregation-dimension)."""
        values = [value_of(record, name) for name in self.shown["aggregationDimensions"]]
        return None if None in values else orjson.dumps(values).decode()


def _unset(_: str) -> Any:
    return None


@dataclass
class Register:
    """The meters of one account, and what the ledger makes of records by them.

    `meters` are by id, `named` the same by meterApiName. `switch` gives the value of a rule's
    switch; until a meter was declared, nothing asks it.
    """

    meters: dict[str, Meter] = field(default_factory=dict)
    named: dict[str, Meter] = field(default_factory=dict)
    declared: bool = False
    switch: Callable[[str], Any] = field(default=_unset, compare=False, repr=False)

    def put(self, meter: Meter) -> None:
        """Keep a meter that is new, or not what it was."""
        self.meters[meter.shown["id"]] = meter
        self._name()

    def remove(self, meter: Meter) -> None:
        del self.meters[meter.shown["id"]]
        self._name()

    def _name(self) -> None:
        self.named = {meter.name: meter for meter in self.meters.values()}

    def usage(self, record: Record, event: str) -> Usage:
        """A record's usage: its value, until a meter says otherwise (rule
        amberflo.ledger.quantity)."""
        name, value = record.get("meterApiName"), record.get("meterValue") or 0
        usage = Usage(event, customer(record), name, value)
        if not self.declared or name is None:
            return usage
        meter = self.named.get(name)
        if meter is None:
            usage.unbilled = UNDECLARED if self.switch(UNDECLARED) == "unmatched" else None
            return usage
        usage.unbilled = self._silence(meter, record)
        if meter.aggregation == "unique":
            self._tell_apart(usage, meter, record)
        elif meter.aggregation is not None:
            usage.counts = meter.aggregation
        return usage

    def _silence(self, meter: Meter, record: Record) -> str | None:
        """The rule by which a record of this meter bills nothing, if there is one."""
        since = meter.deprecated_at
        if since is not None:
            kept = self.switch(DEPRECATED) == "from-then" and record["meterTimeInMillis"] < since
            if not kept:
                return DEPRECATED
        if meter.shown.get("useInBilling") is False and self.switch(UNBILLED) == "unbilled":
            return UNBILLED
        if meter.aggregation is None and self.switch(DURATION) == "unbilled":
            return DURATION
        return None

    def _tell_apart(self, usage: Usage, meter: Meter, record: Record) -> None:
        identity = meter.identity(record)
        if identity is None:
            usage.unbilled = usage.unbilled or DIMENSION
            return
        if self.switch(PERIOD) == "month":
            identity = f"{_month(record['meterTimeInMillis'])} {identity}"
        usage.counts, usage.quantity, usage.value = "unique", 1, identity


def _month(millis: int) -> str:
    """The calendar month of a time, in UTC; all that no calendar has are one."""
    try:
        at = EPOCH + timedelta(milliseconds=millis)
    except OverflowError:
        return "none"
    return f"{at.year}-{at.month}"


def settled(
    given: Sequence[Effects], register: Register
) -> tuple[tuple[Effects, ...], list[Violation]]:
    """What was accepted, parted into what is billed and what no meter bills, and why not.

    The ledger finds the same whenever it is asked; this tells the exchange what holds now.
    """
    if not register.declared:
        return tuple(given), []
    found: list[Effects] = []
    told: list[Violation] = []
    for effects in given:
        parted = _parted(effects) if effects.outcome == "accepted" else {None: effects.items}
        for rule, items in parted.items():
            if rule is None:
                found.append(Effects(effects.outcome, items, effects.rule, effects.usage))
            else:
                found.append(Effects("unmatched", items, rule, effects.usage, open=True))
                told.extend(_told(rule, items, register))
    return tuple(found), told


def _parted(effects: Effects) -> dict[str | None, Sequence[Record]]:
    """Rule by which they bill nothing, or None -> records; kept as they are where all are alike."""
    parts: dict[str | None, list[Record]] = {}
    for item in effects.items:
        parts.setdefault(effects.usages(item)[0].unbilled, []).append(item)
    return {next(iter(parts)): effects.items} if len(parts) == 1 else dict(parts)


def _told(rule: str, items: Iterable[Record], register: Register) -> list[Violation]:
    """One finding for each meter."""
    counts: dict[str, int] = {}
    for item in items:
        counts[item["meterApiName"]] = counts.get(item["meterApiName"], 0) + 1
    known = list(register.named)
    return [
        Violation(
            "$",
            WHY[rule].format(name=name, count=f"{count} record{'s' * (count > 1)}"),
            name,
            rule,
            did_you_mean(name, known) if rule == UNDECLARED else None,
        )
        for name, count in counts.items()
    ]
