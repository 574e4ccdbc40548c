"""Configuration from the environment: METERBOX_SERVER__PORT=4021 is `port` of `[server]`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.model import did_you_mean

__all__ = ["PREFIX", "Override", "Unplaced", "overrides"]

PREFIX = "METERBOX_"
NESTING = "__"
TRUTHS = {"true": True, "1": True, "false": False, "0": False}

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Override:
    """A variable, the keys it leads to, and its value, of the type that the schema wants there."""

    variable: str
    path: tuple[str, ...]
    value: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A variable that leads to no key, and why."""

    variable: str
    why: str


def overrides(environ: Mapping[str, str], schema: Node) -> Iterator[Override | Unplaced]:
    """Every variable of ours, in order of name; one without a value counts as not set.

    A name without a double underscore is another's, unless only underscores are amiss.
    """
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or not environ[variable]:
            continue
        path = tuple(variable.removeprefix(PREFIX).lower().split(NESTING))
        if len(path) > 1 or _meant(variable, schema) is not None:
            yield _placed(variable, path, environ[variable], schema)


def _placed(variable: str, path: tuple[str, ...], text: str, schema: Node) -> Override | Unplaced:
    node = schema
    for part in path:
        child = _child(node, part, schema)
        if child is None:
            return Unplaced(variable, _why(variable, path, node, part, schema))
        node = child
    return Override(variable, path, _coerced(text, node.get("type")))


def _child(node: Node, key: str, schema: Node) -> Node | None:
    """The schema of a key, or None; a table that takes any key has none for its keys."""
    named: Node | None = node.get("properties", {}).get(key)
    if named is not None:
        return named
    other = node.get("additionalProperties")
    if not isinstance(other, Mapping) or not key:
        return None
    reference = other.get("$ref")
    return schema["$defs"][reference.rpartition("/")[2]] if reference else other


def _why(variable: str, path: tuple[str, ...], node: Node, part: str, schema: Node) -> str:
    if node.get("type") == "object" and not node.keys() & {"properties", "additionalProperties"}:
        whole = PREFIX + NESTING.join(path[: path.index(part)]).upper()
        return f"leads into a table that is given as a whole, as JSON, by {whole}"
    near = did_you_mean(part, list(node.get("properties", {})))
    meant = _meant(variable, schema)
    if meant is None and near is not None:
        meant = PREFIX + NESTING.join(near if key == part else key for key in path).upper()
    return f"leads to no key; did you mean {meant}?" if meant else "leads to no key"


def _meant(variable: str, schema: Node) -> str | None:
    """The variable that differs from this one in underscores only."""
    for section, node in schema["properties"].items():
        for key in node.get("properties", {}):
            known = PREFIX + NESTING.join((section, key)).upper()
            if known.replace("_", "") == variable.replace("_", ""):
                return known
    return None


def _coerced(text: str, kind: Any) -> Any:
    """A text as the type that is wanted, or as it is, for the schema to refuse."""
    if kind == "string":
        return text
    readers: dict[str, Callable[[str], Any]] = {
        "integer": int,
        "number": float,
        "boolean": lambda given: TRUTHS[given.lower()],
    }
    try:
        return readers.get(str(kind), json.loads)(text)
    except (ValueError, KeyError, RecursionError):
        return text
