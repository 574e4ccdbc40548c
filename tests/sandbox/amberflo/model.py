"""Usage worked out in the plainest way: every slot asks every record, in fractions.

Nothing here comes from the room: slots are found by walking the calendar hour by hour or day by
day, and records are those that were sent, judged by their own local time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from typing import Any

__all__ = ["Asked", "Sent", "expected"]

Slot = tuple[datetime, datetime]


@dataclass(frozen=True)
class Sent:
    """A record as its sender knows it: at a local time, by a customer or a business unit."""

    id: str
    customer: str | None
    meter: str
    value: Any
    at: datetime
    dimensions: dict[str, str]
    cancelled: bool = False

    def wire(self) -> dict[str, Any]:
        """As it is sent."""
        since = self.at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return {
            "uniqueId": self.id,
            "customerId": self.customer,
            "meterApiName": self.meter,
            "meterValue": self.value,
            "meterTimeInMillis": since // timedelta(milliseconds=1),
            "dimensions": self.dimensions,
        }

    def has(self, name: str) -> str | None:
        return self.customer if name == "customerId" else self.dimensions.get(name)


@dataclass(frozen=True)
class Asked:
    """A query. `unique` are the dimensions that the meter tells records apart by."""

    meter: str
    how: str
    interval: str | None
    start: datetime
    end: datetime | None
    group_by: tuple[str, ...]
    filter: dict[str, list[str]]
    limit: int | None
    ascending: bool
    unique: tuple[str, ...] = ()


def expected(
    asked: Asked, sent: list[Sent], now: datetime, settings: dict[str, str], *, sparse: bool
) -> list[Any]:
    """[starts of slots], then (group, total, values of the slots) for each group."""
    slots = list(walk(asked, now, settings))
    endless = asked.end is None and settings["usage.open-end"] == "infinity"
    fitting = [s for s in sent if s.meter == asked.meter and not s.cancelled and fits(asked, s)]
    if asked.how == "UNIQUE":
        fitting = [s for s in fitting if all(s.has(name) is not None for name in asked.unique)]
    within = [s for s in fitting if any(holds(slot, s, slots, endless) for slot in slots)]
    keys = {tuple(s.has(name) for name in asked.group_by) for s in within}
    groups = []
    for key in sorted(keys, key=lambda key: [(name is not None, name) for name in key]):
        own = [s for s in within if tuple(s.has(name) for name in asked.group_by) == key]
        by_slot = [[s for s in own if holds(slot, s, slots, endless)] for slot in slots]
        values = [
            (slot[0], reckon(asked, members))
            for slot, members in zip(slots, by_slot, strict=True)
            if members or not sparse
        ]
        named = {n: v for n, v in zip(asked.group_by, key, strict=True) if v is not None}
        groups.append((named, reckon(asked, own), values))
    groups.sort(key=lambda group: group[1] if asked.ascending else -group[1])
    shown = groups[: asked.limit]
    happened = {start for _, _, values in shown for start, _ in values}
    starts = [slot[0] for slot in slots if slot[0] in happened or not sparse]
    return [starts, *shown]


def walk(asked: Asked, now: datetime, settings: dict[str, str]) -> Iterator[Slot]:
    """Hours or days, one after the other, gathered into the slots they belong to."""
    step = timedelta(hours=1) if asked.interval in ("HOUR", None) else timedelta(days=1)
    sunday = timedelta(days=settings["usage.week"] == "sunday")
    last = asked.end or now.replace(microsecond=0)
    inclusive = asked.end is None or settings["usage.range-end"] == "inclusive"

    def label(at: datetime) -> Any:
        """What slot this is of, as a calendar on the wall would say."""
        if asked.interval == "WEEK":
            return (at + sunday).isocalendar()[:2]
        return (at.year, at.month) if asked.interval == "MONTH" else at

    around = timedelta(days={"WEEK": 8, "MONTH": 32}.get(asked.interval or "", 1))
    at = (asked.start - around).replace(hour=0, minute=0, second=0)
    pieces = []
    while at < last + around + step:
        pieces.append(at)
        at += step
    gathered = [list(members) for _, members in groupby(pieces, key=label)]
    slots = [(members[0], members[-1] + step) for members in gathered]
    touched = [
        slot
        for slot in slots
        if slot[1] > asked.start and (slot[0] <= last if inclusive else slot[0] < last)
    ]
    if asked.interval is None:
        yield touched[0][0], touched[-1][1]
    else:
        yield from touched


def holds(slot: Slot, sent: Sent, slots: list[Slot], endless: bool) -> bool:
    # Amberflo keeps milliseconds, and slots begin on whole seconds.
    forever = endless and slot == slots[-1]
    return slot[0] <= sent.at and (forever or sent.at < slot[1])


def fits(asked: Asked, sent: Sent) -> bool:
    return all(sent.has(name) in wanted for name, wanted in asked.filter.items())


def reckon(asked: Asked, sent: list[Sent]) -> Fraction:
    values = [Fraction(str(s.value)) for s in sent]
    if asked.how == "UNIQUE":
        return Fraction(len({tuple(s.has(name) for name in asked.unique) for s in sent}))
    if asked.how == "COUNT":
        return Fraction(len(sent))
    if asked.how == "SUM":
        return sum(values, Fraction())
    chosen = min if asked.how == "MIN" else max
    return chosen(values, default=Fraction())
