"""When usage resets."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.kana.periods import Reset, period

BRIEF = timedelta(microseconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("reset", "since", "resets"),
    [
        ("MONTH", "2023-10-31", ["2023-11-30", "2023-12-31", "2024-01-31", "2024-02-29"]),
        ("MONTH", "2023-01-31", ["2023-02-28", "2023-03-31", "2023-04-30", "2023-05-31"]),
        ("MONTH", "2024-01-30", ["2024-02-29", "2024-03-30"]),
        ("MONTH", "2024-02-29", ["2024-03-29", "2024-04-29"]),
        ("YEAR", "2024-02-29", ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("YEAR", "2023-12-31", ["2024-12-31", "2025-12-31"]),
        ("DAY", "2024-02-28", ["2024-02-29", "2024-03-01"]),
        ("DAY", "2023-12-31", ["2024-01-01", "2024-01-02"]),
    ],
)
def test_usage_resets_at_the_time_of_day_of_the_subscription(reset, since, resets):
    """Rules kana.usage.reset and kana.usage.short-months."""
    noon = timedelta(hours=12)
    bounds = [at(day) + noon for day in (since, *resets)]
    for start, end in zip(bounds, bounds[1:], strict=False):
        for moment in (start, end - BRIEF):
            assert period(bounds[0], reset, moment) == (start, end)


TIMES = st.timedeltas(timedelta(), timedelta(days=376_000)).map(lambda by: at("1970-01-01") + by)


@settings(deadline=None)
@given(TIMES, TIMES, st.sampled_from(["YEAR", "MONTH", "DAY"]))
def test_every_moment_is_in_one_period_and_periods_touch(
    since: datetime, moment: datetime, reset: Reset
) -> None:
    start, end = period(since, reset, moment)
    assert start <= moment < end
    assert period(since, reset, end)[0] == end
    assert period(since, reset, start - BRIEF)[1] == start
    assert period(since, reset, since)[0] == since
