"""Properties as dimensions and traits as traits: flat, and of the characters Amberflo takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.conformance import json_path
from contracts.numerals import javascript
from translators.event import Event
from translators.trace import Draft

__all__ = ["dimensions", "traits"]

OUTSIDE = re.compile(r"[^-!_.*'()&$ @=;:+,?0-9a-zA-Z]")
RENAMED = frozenset({"name", "email"})
Scalar = str | bool | int | float


def dimensions(event: Event, draft: Draft) -> dict[str, str]:
    """The properties as text; the name of a page or screen comes first."""
    kept: dict[str, str] = {}
    if event.type != "track" and event.name is not None:
        kept["name"] = _replaced(event.name)
        draft.note("dimensions.name", kept["name"], source="$.name", rule="amberflo.segment.name")
    for name, value in _scalars(event.properties):
        if name in kept or (event.type == "track" and name == "value"):
            continue
        kept[name] = _replaced(_written(value))
        draft.note(
            f"dimensions.{name}",
            kept[name],
            source=json_path(("properties", name)),
            rule=_dimension_rule(value, kept[name]),
        )
    return kept


def traits(event: Event, draft: Draft) -> dict[str, Scalar]:
    """The traits but for name and email, which have fields of their own."""
    kept: dict[str, Scalar] = {}
    for name, value in _scalars(event.traits):
        if name in RENAMED:
            continue
        kept[name] = _replaced(value) if isinstance(value, str) else value
        changed = kept[name] != value
        draft.note(
            f"traits.{name}",
            kept[name],
            source=json_path(("traits", name)),
            rule="amberflo.segment.characters" if changed else "amberflo.segment.traits",
        )
    return kept


def _scalars(given: Mapping[str, Any]) -> Iterator[tuple[str, Scalar]]:
    """What is neither null nor nested (rule amberflo.segment.nested)."""
    for name, value in given.items():
        if isinstance(value, str | bool | int | float):
            yield name, value


def _dimension_rule(given: Scalar, sent: str) -> str:
    if not isinstance(given, str):
        return "amberflo.segment.text"
    return "amberflo.segment.dimensions" if given == sent else "amberflo.segment.characters"


def _replaced(text: str) -> str:
    """One underscore for each character that dimensions do not take."""
    return OUTSIDE.sub("_", text)


def _written(value: Scalar) -> str:
    """A scalar as text (rule amberflo.segment.text)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return javascript(value) if isinstance(value, float) else str(value)
