"""Records, queries and switches to try usage with.

A record or a query is read off one number, digit by digit: Hypothesis draws a handful of numbers
for an example instead of a hundred choices, and has time for ten times as many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.sandbox.amberflo.model import Asked, Sent

__all__ = ["ASKED", "NOW", "RECORDS", "SWITCHES"]

T = TypeVar("T")
Pick = Callable[[Sequence[T]], T]

NOW = datetime(2025, 11, 3, 18, 30, 15, tzinfo=UTC)
ZONES = [
    *("UTC", "America/New_York", "America/St_Johns", "Asia/Kolkata", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/London"),
]
# Ends of daylight saving in Europe and America, and with them of weeks, months and a year.
DAYS = [
    datetime(year, month, day, tzinfo=UTC)
    for year, month, day in ((2025, 11, 2), (2025, 10, 26), (2025, 11, 1), (2024, 12, 30))
]
SECONDS = [*range(0, 86_400, 10_800), 1_800, 81_000, *[3_599, 86_399] * 6, 1, 3_601]
VALUES = [
    *(1, 0, 2, -3, 0.1, 0.2, 0.7, -0.1, 1.5, 1.0, 1e-7, 2**53 + 1, 2**53, 1e22, 123456.789),
    *(99.99, -250, 7, 5, 1e15, 0.30000000000000004),
]
DIMENSIONS = {"region": ["eu", "us"], "user": ["u", "v", "w"]}
UNITS, CUSTOMERS = ["b1", "b2"], ["acme", "bolt", "c/ö"]
FIELDS = {"customerId": CUSTOMERS, **DIMENSIONS, "business_unit_id": UNITS}
GROUPS: list[tuple[str, ...]] = [
    *((), ("customerId",), ("region",), ("customerId", "business_unit_id")),
    *(("region", "user"), ("user", "customerId")),
]


def off(number: int) -> Pick[Any]:
    """Picks from lists, one after the other, by the digits of a number."""

    def pick(choices: Sequence[T]) -> T:
        nonlocal number
        number, digit = divmod(number, len(choices))
        return choices[digit]

    return pick


def moment(pick: Pick[Any]) -> datetime:
    """A time on somebody's wall, in one of its two meanings where it has two."""
    wall = pick(DAYS) + timedelta(days=pick([0, 1, -1, -8]), seconds=pick(SECONDS))
    wall += timedelta(milliseconds=pick([0, 999]))
    return wall.replace(tzinfo=ZoneInfo(pick(ZONES)), fold=pick([0, 1]))


def record(number: int) -> Sent:
    pick = off(number)
    given = {name: pick([None, *values, *values]) for name, values in DIMENSIONS.items()}
    dimensions = {name: value for name, value in given.items() if value is not None}
    unit = pick([None, None, None, *UNITS])
    return Sent(
        id="",
        customer=pick(CUSTOMERS) if unit is None else None,
        meter=pick(["m1", "m1", "m1", "m2"]),
        value=pick(VALUES),
        at=moment(pick),
        dimensions=dimensions | ({} if unit is None else {"business_unit_id": unit}),
        cancelled=pick([False, False, False, True]),
    )


def asked(number: int) -> Asked:
    pick = off(number)
    interval = pick(["DAY", "HOUR", "WEEK", "MONTH", None])
    days = pick({"HOUR": [1, 3], "DAY": [1, 6, 15], None: [1, 2]}.get(interval, [3, 40, 70]))
    start = moment(pick).astimezone(UTC).replace(microsecond=0)
    end = start + timedelta(days=days, seconds=pick([0, 1, 1_799]))
    if pick([True, False]):
        end = end.replace(minute=0, second=0)
    open_ended = NOW - timedelta(days=days) < start < NOW and pick([True, False])
    unique = pick([(), ("user", "region"), ("user",)])
    return Asked(
        meter="m1",
        how=pick(["SUM", "COUNT", "MIN", "MAX", *(["UNIQUE"] * 3 if unique else [])]),
        interval=interval,
        start=start,
        end=None if open_ended else end,
        group_by=pick(GROUPS),
        filter=filters(pick) if pick([False, False, True]) else {},
        limit=pick([None, None, 1, 2]),
        ascending=pick([False, True]),
        unique=unique,
    )


def filters(pick: Pick[Any]) -> dict[str, list[str]]:
    given = {n: pick([None, None, v[:1], v[1:], v, []]) for n, v in FIELDS.items()}
    return {name: wanted for name, wanted in given.items() if wanted is not None}


def named(records: list[Sent]) -> list[Sent]:
    return [replace(record, id=f"e{n}") for n, record in enumerate(records)]


RECORDS = st.lists(st.integers(0, 2**36).map(record), max_size=10).map(named)
ASKED = st.integers(0, 2**46).map(asked)
SWITCHES = st.sampled_from(
    [
        {"usage.week": week, "usage.range-end": end, "usage.open-end": open_end}
        for week in ("monday", "sunday")
        for end in ("exclusive", "inclusive")
        for open_end in ("now", "infinity")
    ]
)
