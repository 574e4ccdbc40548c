"""Reset periods, counted from the moment of subscription (rule kana.usage.reset)."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta
from typing import Literal

__all__ = ["Reset", "period"]

Reset = Literal["YEAR", "MONTH", "DAY"]


def period(since: datetime, reset: Reset, at: datetime) -> tuple[datetime, datetime]:
    """Begin and end of the period that holds `at`; the end is the next one's begin."""
    n = _near(since, reset, at)
    while _boundary(since, reset, n) > at:
        n -= 1
    return _boundary(since, reset, n), _boundary(since, reset, n + 1)


def _near(since: datetime, reset: Reset, at: datetime) -> int:
    """The number of the period, or one more."""
    if reset == "DAY":
        return (at - since) // timedelta(days=1)
    months = (at.year - since.year) * 12 + at.month - since.month
    return months if reset == "MONTH" else at.year - since.year


def _boundary(since: datetime, reset: Reset, n: int) -> datetime:
    """The n-th reset. Each is counted from the subscription itself, so that one of the 31st
    is back on the 31st after a shorter month (rule kana.usage.short-months)."""
    if reset == "DAY":
        return since + timedelta(days=n)
    months = since.year * 12 + since.month - 1 + (n if reset == "MONTH" else 12 * n)
    year, month = divmod(months, 12)
    day = min(since.day, monthrange(year, month + 1)[1])
    return since.replace(year=year, month=month + 1, day=day)
