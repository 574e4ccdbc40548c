"""What a query string says, read strictly: a value that is none is refused, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.model import Violation
from sandbox.amberflo import errors
from sandbox.reply import Refusal

__all__ = ["flag", "refused", "whole"]

MOST = 999_999_999


def whole(
    query: Mapping[str, str], name: str, rule: str, *, least: int = 1, most: int = MOST
) -> int | None:
    """A whole number; None where it is not given. Raises Refusal."""
    text = query.get(name)
    if text is None:
        return None
    digits = text.isascii() and text.isdecimal() and len(text) <= 18
    if not digits or not least <= int(text) <= most:
        raise refused(name, text, f"is not a whole number from {least} to {most}", rule)
    return int(text)


def flag(query: Mapping[str, str], name: str, rule: str, *, default: bool) -> bool:
    """true or false. Raises Refusal."""
    text = query.get(name)
    if text is None:
        return default
    if text not in ("true", "false"):
        raise refused(name, text, "is neither true nor false", rule)
    return text == "true"


def refused(name: str, value: Any, why: str, rule: str) -> Refusal:
    """A 400 about one parameter."""
    finding = Violation("$", f"{name} {why}", value, rule)
    return Refusal(errors.invalid(finding.message), [finding])
