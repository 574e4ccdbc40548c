"""What usage comes to, held to arithmetic on fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.metering import aggregate, exact, literal, plain

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-9, 9)


def fraction(number: Any) -> Fraction:
    return Fraction(str(number))


@given(st.lists(NUMBERS))
def test_numbers_are_added_up_and_compared_as_they_are_written(numbers: list[Any]) -> None:
    written = [fraction(number) for number in numbers]
    assert Fraction(aggregate("sum", numbers)) == sum(written, Fraction())
    assert Fraction(aggregate("min", numbers)) == min(written, default=0)
    assert Fraction(aggregate("max", numbers)) == max(written, default=0)
    assert aggregate("count", numbers) == len(numbers)


def test_the_largest_and_the_smallest_double_are_added_up_exactly() -> None:
    assert aggregate("sum", [1.7976931348623157e308, 5e-324, -1.7976931348623157e308]) == exact(
        5e-324
    )


def test_tenths_are_tenths() -> None:
    assert aggregate("sum", [0.1, 0.2]) == Decimal("0.3")


def test_what_differs_is_counted_once_each() -> None:
    values = [literal(value) for value in (1, 1.0, True, "1", "true", None, "null", [1], "[1]")]
    assert aggregate("unique", values) == 8


@given(NUMBERS, NUMBERS)
def test_literals_are_the_same_when_the_numbers_are(a: Any, b: Any) -> None:
    assert (literal(a) == literal(b)) == (fraction(a) == fraction(b))


@pytest.mark.parametrize(
    ("value", "said"),
    [(1.5, "1.5"), (-0.0, "0"), (1e22, "1" + "0" * 22), ("it's", "'it''s'"), (False, "false")],
)
def test_a_literal_is_as_sql_has_it(value: Any, said: str) -> None:
    assert literal(value) == said


def test_whole_decimals_are_integers_as_long_as_they_fit() -> None:
    told = [plain(Decimal(text)) for text in ("2.0", "0.50", str(2**63 - 1), str(2**63))]
    assert told == [2, Decimal("0.50"), 2**63 - 1, Decimal(2**63)]
    assert [type(number) for number in told] == [int, Decimal, int, Decimal]
