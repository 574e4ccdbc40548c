"""Where bodies tell what billing goes by: an event's key, customer, time and name, and the rest.

In `contract.json`, `usage` is where events of usage stand, `customers` where customers are named
that are known from then on, and `needs` where meters and metrics name the properties they count by.
A field is a path with dots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Again", "Layout", "Naming", "Need", "When"]

When = Mapping[str, tuple[str, ...]]
"""The texts that fields have; nothing is said of other bodies."""


@dataclass(frozen=True, slots=True)
class Again:
    """What the same key does with another body, and the `rule` that says so."""

    rule: str
    means: Literal["ignored", "replaced", "counted"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Events of usage, in bodies of these `endpoints`.

    They are the list at the field `inside`, or elements of an array, or the body itself. A key is
    one for each value of its `scope`. `numbers` are those of the `properties` in which a number may
    stand as one. The rules `oldest` and `ahead` say how old an event may be and how far ahead of
    now, in their switches where those are lengths of time; `unknown` what becomes of one whose
    customer is not there.
    """

    endpoints: tuple[str, ...]
    key: str
    customer: tuple[str, ...]
    time: str
    name: str
    properties: tuple[str, ...]
    numbers: tuple[str, ...]
    again: Again
    inside: str | None = None
    scope: str | None = None
    oldest: str | None = None
    ahead: str | None = None
    unknown: str | None = None
    when: When = field(default_factory=dict)

    @property
    def rules(self) -> tuple[str, ...]:
        """Every rule it leans on."""
        named = (self.again.rule, self.oldest, self.ahead, self.unknown)
        return tuple(rule for rule in named if rule is not None)

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Layout:
        """From an entry of `usage`. Raises KeyError or TypeError."""
        several = ("endpoints", "customer", "properties")
        made = {name: tuple(entry[name]) for name in several}
        made["numbers"] = tuple(entry.get("numbers", entry["properties"]))
        again, when = Again(**entry["again"]), _when(entry)
        return cls(**{**entry, **made, "again": again, "when": when})


@dataclass(frozen=True, slots=True)
class Naming:
    """Bodies of these `endpoints` that make customers known, and the fields with their `ids`."""

    endpoints: tuple[str, ...]
    ids: tuple[str, ...]
    inside: str | None = None
    when: When = field(default_factory=dict)

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Naming:
        """From an entry of `customers`. Raises KeyError or TypeError."""
        made = {name: tuple(entry[name]) for name in ("endpoints", "ids")}
        return cls(**{**entry, **made, "when": _when(entry)})


@dataclass(frozen=True, slots=True)
class Need:
    """A step of a setup, by `endpoint` or `dashboard` function, that makes a meter: the field with
    the `event` it is of, and fields with the properties it needs.

    In those a part `*` is every key of an object, and `[]` each element of a list.
    """

    event: str
    properties: tuple[str, ...]
    endpoint: str | None = None
    dashboard: str | None = None

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Need:
        """From an entry of `needs`. Raises KeyError or TypeError."""
        return cls(**{**entry, "properties": tuple(entry["properties"])})


def _when(entry: Mapping[str, Any]) -> When:
    return {name: tuple(values) for name, values in entry.get("when", {}).items()}
