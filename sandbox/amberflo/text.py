"""Scalars as the text that Amberflo keeps them as."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["written"]


def written(value: str | bool | int | float) -> str:
    """Text as it is, booleans as JSON writes them, and numbers as JavaScript does, but that whole
    ones keep all their digits (rules amberflo.ingest.dimension-types, .customer.trait-types)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _shortest(value) if isinstance(value, float) else str(value)


def _shortest(number: float) -> str:
    # Python and JavaScript find the same digits, and differ in where the exponent begins.
    digits = Decimal(repr(number))
    if not digits:
        return "0"
    if -7 < digits.adjusted() < 21:
        return f"{digits:f}".removesuffix(".0")
    mantissa, _, exponent = repr(number).partition("e")
    return f"{mantissa}e{int(exponent):+d}"
