"""What usage comes to: the arithmetic that every ledger, meter and usage query shares.

Pure functions over plain values, of no vendor: `aggregate` counts, adds up, takes the smallest or
largest, or counts what differs; `exact` and `plain` turn JSON's numbers into Decimals and back;
`literal` tells property values apart as a database would. A room decides which events match and
what of them counts; here is only what that comes to.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal, localcontext
from typing import Any, Literal

import orjson

__all__ = ["Aggregation", "Number", "aggregate", "exact", "literal", "plain"]

Number = int | float | Decimal
Aggregation = Literal["count", "sum", "min", "max", "unique"]
DIGITS = 1_000  # more than the sum of the largest and the smallest double has


def aggregate(how: Aggregation, values: Collection[Any]) -> Decimal:
    """What values come to, exactly; no values come to 0.

    `count` and `unique` take anything that can be compared (see `literal`), the others numbers.
    """
    if how == "count":
        return Decimal(len(values))
    if how == "unique":
        return Decimal(len(set(values)))
    numbers = [exact(value) for value in values]
    if how == "sum":
        with localcontext(prec=DIGITS):
            return sum(numbers, Decimal())
    choose = max if how == "max" else min
    return choose(numbers, default=Decimal())


def exact(number: Number) -> Decimal:
    """A number as it was written: 0.1 is one tenth, and not the double next to it."""
    return Decimal(str(number))


def plain(number: Decimal) -> Number:
    """A whole Decimal as an int if that fits 64 bits, as JSON's readers want; else as it is."""
    whole = number.to_integral_value()
    return int(whole) if number == whole and abs(whole) < 2**63 else number


def literal(value: Any) -> str:
    """A text that is the same for JSON values that a database calls equal, and for no others: 1 is
    1.0, but neither true nor "1". Of a text, number or boolean it is the SQL literal."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    number = exact(value)
    if number == number.to_integral_value():
        return str(int(number))
    with localcontext(prec=DIGITS):
        return str(number.normalize())
