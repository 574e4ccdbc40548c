"""Scalars as the text that Amberflo keeps them as."""

from __future__ import annotations

__all__ = ["written"]


def written(value: str | bool | int | float) -> str:
    """Text as it is, and numbers and booleans as JSON writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
