"""Scalars as the text that Amberflo keeps them as."""

from __future__ import annotations

from contracts.numerals import javascript

__all__ = ["written"]


def written(value: str | bool | int | float) -> str:
    """Text as it is, booleans as JSON writes them, and numbers as JavaScript does, but that whole
    ones keep all their digits (rules amberflo.ingest.dimension-types, .customer.trait-types)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return javascript(value) if isinstance(value, float) else str(value)
