"""Numbers as text, as JavaScript writes them: the vendors' pages and Segment's clients do."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["javascript"]


def javascript(number: float) -> str:
    """`1e-7`, `0.00001`, `100000000000000000000`, `2`: what `String(number)` gives."""
    # Python and JavaScript find the same digits, and differ in where the exponent begins.
    digits = Decimal(repr(number))
    if not digits:
        return "0"
    if -7 < digits.adjusted() < 21:
        return f"{digits:f}".removesuffix(".0")
    mantissa, _, exponent = repr(number).partition("e")
    return f"{mantissa}e{int(exponent):+d}"
