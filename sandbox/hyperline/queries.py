"""What a query says, as Hyperline's lists read it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from contracts.model import Violation
from sandbox.hyperline import errors
from sandbox.reply import Refusal

__all__ = ["FAR", "flag", "number", "one_of", "refused"]

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
FAR = 10**9


def number(
    query: Mapping[str, str], name: str, default: int, least: int, most: int, rule: str
) -> int:
    """A number of the query as JavaScript reads one, nothing being 0. Raises Refusal."""
    if name not in query:
        return default
    text = query[name].strip()
    if not text or NUMBER.fullmatch(text):
        value = float(text or 0)
        if least <= value <= most:
            return int(value)
    raise refused(name, f"{name} is a number from {least} to {most}", query[name], rule)


def one_of(query: Mapping[str, str], name: str, values: tuple[str, ...], rule: str) -> str:
    """One of these values, by default the first. Raises Refusal."""
    text = query.get(name, values[0])
    if text not in values:
        raise refused(name, f"{name} is {' or '.join(values)}", text, rule)
    return text


def flag(query: Mapping[str, str], name: str, rule: str) -> bool:
    """Whether the query says true; null and nothing are false. Raises Refusal."""
    return one_of(query, name, ("false", "true", "null", ""), rule) == "true"


def refused(name: str, why: str, value: str | None, rule: str) -> Refusal:
    """The refusal of a request for one parameter of its query."""
    finding = Violation(f"$.{name}", why, value, rule)
    return Refusal(errors.invalid([finding]), [finding])
