"""The slots of time that usage is reported by: hours, days, weeks and months of UTC."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

__all__ = ["INTERVALS", "Interval", "Slots", "Weekday", "after", "floor", "slots"]

Interval = Literal["HOUR", "DAY", "WEEK", "MONTH"]
Weekday = Literal["monday", "sunday"]
INTERVALS: tuple[Interval, ...] = ("HOUR", "DAY", "WEEK", "MONTH")
HOUR, DAY, WEEK = 3_600, 86_400, 604_800
EPOCH = date(1970, 1, 1).toordinal()
MONTHS = array(
    "q",
    (
        (date(year, month, 1).toordinal() - EPOCH) * DAY
        for year in range(1970, 3001)
        for month in range(1, 13)
    ),
)
BEGINS = {"monday": 4 * DAY, "sunday": 3 * DAY}  # the first after 1970-01-01, a Thursday


@dataclass(frozen=True, slots=True)
class Slots:
    """Slots by their starts, in epoch seconds; `end` is the last one's, None if it has none."""

    starts: Sequence[int]
    end: int | None

    def find(self, millis: int) -> int | None:
        """The index of the slot that a time in epoch milliseconds lies in."""
        seconds = millis // 1_000
        if self.end is not None and seconds >= self.end:
            return None
        index = bisect_right(self.starts, seconds) - 1
        return index if index >= 0 else None


def slots(start: int, end: int, interval: Interval, week: Weekday) -> Sequence[int]:
    """The starts of all slots from the one that `start` lies in to the one before `end`, at no cost
    of their own: a batch may ask for very many. Times are those of the years 1970 to 2999."""
    first = floor(start, interval, week)
    if interval == "MONTH":
        return memoryview(MONTHS)[bisect_left(MONTHS, first) : bisect_left(MONTHS, end)]
    return range(first, end, after(first, interval) - first)


def floor(seconds: int, interval: Interval, week: Weekday) -> int:
    """When the slot began that this time lies in."""
    if interval == "HOUR":
        return seconds - seconds % HOUR
    if interval == "DAY":
        return seconds - seconds % DAY
    if interval == "WEEK":
        return seconds - (seconds - BEGINS[week]) % WEEK
    at = datetime.fromtimestamp(seconds, UTC)
    return int(datetime(at.year, at.month, 1, tzinfo=UTC).timestamp())


def after(start: int, interval: Interval) -> int:
    """When the slot ends that begins at `start`."""
    if interval == "MONTH":
        at = datetime.fromtimestamp(start, UTC)
        year, month = divmod(at.year * 12 + at.month, 12)
        return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp())
    return start + {"HOUR": HOUR, "DAY": DAY, "WEEK": WEEK}[interval]
