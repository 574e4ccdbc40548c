"""Where two answers to the same request differ, but for what varies anyway."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contracts.model import did_you_mean
from sandbox.verifying.sameness import Renaming

__all__ = ["ABSENT", "Change", "Kind", "changes"]

Kind = Literal["renamed", "status", "text", "missing", "new", "length"]
ABSENT: Any = object()
"""What a case has where it says nothing."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed: at which path, from what, to what."""

    kind: Kind
    path: str
    old: Any = None
    new: Any = None


def changes(old: Any, new: Any, wanted: Any, path: str, renaming: Renaming) -> Iterator[Change]:
    """Where two values differ; what a case `wanted` to be anything, or of a pattern, may vary."""
    if _may_vary(old, new, wanted):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _in_object(old, new, wanted, path, renaming)
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield Change("length", path, len(old), len(new))
        for number, (was, now) in enumerate(zip(old, new, strict=False)):
            known = isinstance(wanted, list) and number < len(wanted)
            inner = wanted[number] if known else ABSENT
            yield from changes(was, now, inner, f"{path}[{number}]", renaming)
    elif not renaming.same(old, new, path.rpartition(".")[2]):
        yield Change("text", path, old, new)


def _in_object(
    old: Mapping[str, Any], new: Mapping[str, Any], wanted: Any, path: str, renaming: Renaming
) -> Iterator[Change]:
    inside = wanted.get("$contains", wanted) if isinstance(wanted, Mapping) else {}
    for key in old:
        if key in new:
            inner = inside.get(key, ABSENT)
            yield from changes(old[key], new[key], inner, f"{path}.{key}", renaming)
    gone, come = [key for key in old if key not in new], [key for key in new if key not in old]
    for key in list(come):
        was = next((one for one in gone if renaming.tried(one, key)), None)
        if was is not None:  # a key that is an identifier itself
            renaming.same(was, key)
            gone.remove(was)
            come.remove(key)
            yield from changes(old[was], new[key], ABSENT, f"{path}.{key}", renaming)
    for key in come:
        was = _former(key, {one: old[one] for one in gone}, new[key], renaming)
        if was is None:
            yield Change("new", f"{path}.{key}", None, new[key])
        else:
            gone.remove(was)
            yield Change("renamed", f"{path}.{key}", was, key)
    for key in gone:
        yield Change("missing", f"{path}.{key}", old[key])


def _former(key: str, gone: Mapping[str, Any], value: Any, renaming: Renaming) -> str | None:
    """What a new field was called before, if one that is gone had the same value."""
    found = [name for name, old in gone.items() if renaming.tried(old, value)]
    return found[0] if len(found) == 1 else did_you_mean(key, found)


def _may_vary(old: Any, new: Any, wanted: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return False
    if "$any" in wanted:
        return True
    pattern = wanted.get("$pattern")
    if not isinstance(pattern, str):
        return False
    return all(isinstance(one, str) and re.fullmatch(pattern, one) for one in (old, new))
