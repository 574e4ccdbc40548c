"""What `@pytest.mark.meterbox(...)` says, checked before any test runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any

__all__ = ["ARGUMENTS", "SIGNATURE", "BadMark", "Wishes", "check", "wishes"]

FORMS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "clock": ((str, dict, bool, datetime), "a time to stand still at, or one act of the clock"),
    "faults": ((str, dict, list, tuple), "a kind, a preset, a fault, or a list of them"),
    "settings": ((dict,), "switches by rule"),
    "seed": ((int,), "a whole number"),
    "profile": ((str,), "'faithful' or 'contract'"),
    "allow": ((str, list, tuple, set), "a rule, or a list of them"),
    "violations": ((str,), "'fail' or 'ignore'"),
    "environment": ((bool,), "True or False"),
    "only": ((str, list, tuple), "a vendor, or a list of them"),
}
ARGUMENTS = tuple(FORMS)
VALUES = {"profile": ("faithful", "contract"), "violations": ("fail", "ignore")}
SIGNATURE = f"meterbox({', '.join(f'{name}=...' for name in ARGUMENTS)})"


class BadMark(ValueError):
    """A marker that says what cannot be; the text names the argument."""


@dataclass
class Wishes:
    """What the markers of one test say for one vendor, the nearest of them last."""

    clock: Any = None
    faults: list[Any] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    profile: str | None = None
    allow: set[str] = field(default_factory=set)
    violations: str | None = None
    environment: bool | None = None


def check(args: Sequence[Any], given: Mapping[str, Any], vendors: Sequence[str]) -> None:
    """Raises BadMark when a marker cannot be meant so."""
    if args:
        raise BadMark(f"takes arguments by name only, not {args[0]!r}: {SIGNATURE}")
    for name, value in given.items():
        if name not in FORMS:
            raise BadMark(f"has no argument {name!r}.{_hint(name, ARGUMENTS)}")
        forms, expected = FORMS[name]
        odd = isinstance(value, bool) and bool not in forms
        if odd or not isinstance(value, forms):
            raise BadMark(f"{name}={value!r} is not {expected}.")
        if name in VALUES and value not in VALUES[name]:
            raise BadMark(f"{name}={value!r} is not {expected}.{_hint(value, VALUES[name])}")
    for vendor in _several(given.get("only", ())):
        if vendor not in vendors:
            raise BadMark(f"only={vendor!r}: there is no such vendor.{_hint(vendor, vendors)}")


def wishes(marks: Iterable[Mapping[str, Any]], vendor: str) -> Wishes:
    """What these markers say for a vendor, the nearest to the test last: it wins."""
    found = Wishes()
    for given in marks:
        if vendor not in _several(given.get("only", vendor)):
            continue
        found.faults += _several(given.get("faults", ()))
        found.allow |= set(_several(given.get("allow", ())))
        found.settings |= given.get("settings", {})
        for name in ("clock", "seed", "profile", "violations", "environment"):
            if name in given:
                setattr(found, name, given[name])
    return found


def _several(value: Any) -> list[Any]:
    return [value] if isinstance(value, str | dict) else list(value)


def _hint(word: Any, known: Sequence[str]) -> str:
    close = get_close_matches(str(word), known, n=1)
    return f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(known)}."
