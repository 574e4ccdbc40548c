"""Lengths of time as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.durations import parse, text


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("12h", timedelta(hours=12)),
        ("5m", timedelta(minutes=5)),
        ("34d", timedelta(days=34)),
        ("90s", timedelta(seconds=90)),
        ("1h30m", timedelta(minutes=90)),
        ("0.5s", timedelta(milliseconds=500)),
        ("1m1m", timedelta(minutes=2)),
        ("0s", timedelta()),
        ("36500d", timedelta(days=36_500)),
    ],
)
def test_a_length_is_read(written: str, length: timedelta) -> None:
    assert parse(written) == length


@pytest.mark.parametrize(
    "written",
    [
        "",
        "12",
        "h",
        "-5m",
        "5 m",
        "5M",
        "1h ",
        "soon",
        "5w",
        "1e3s",
        "٣h",
        "36500d1s",
        "9" * 40 + "d",
    ],
)
def test_what_is_no_length_is_a_value_error_that_names_it(written: str) -> None:
    with pytest.raises(ValueError, match=r"is not a length of time|is more than 36500 days"):
        parse(written)


@pytest.mark.parametrize(
    ("length", "written"),
    [
        (timedelta(hours=12), "12h"),
        (timedelta(days=1, minutes=1), "1d1m"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(milliseconds=1500), "1.5s"),
        (timedelta(), "0s"),
    ],
)
def test_a_length_is_written_shortest(length: timedelta, written: str) -> None:
    assert text(length) == written


@given(st.integers(0, 36_500 * 86_400))
def test_what_is_written_is_read_as_it_was(seconds: int) -> None:
    length = timedelta(seconds=seconds)
    assert parse(text(length)) == length
