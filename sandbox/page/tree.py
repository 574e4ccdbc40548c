"""A JSON value as a tree to be looked at, every finding at the very field it is about.

However large the value is, no more than a few thousand of its fields are shown, among them all that
something was found at.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from contracts.conformance import json_path

__all__ = ["Node", "read", "steps", "tree"]

MOST = 1_500
"""Fields that are shown, beside those that something was found at."""
ITEMS = 100
"""Items of one list or object, likewise."""
DEEPEST = 40
OPEN = 30
"""A list or object of more items is closed at first."""
ABREAST = 3
"""Of more lists and objects side by side, those are open that something was found in."""
GLANCE, FEW = 28, 3
"""Characters of a value, and values, by which one that is closed is told from others."""
STEP = re.compile(r"\.\w+|\[(?:\d+|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\]")

Finding = Mapping[str, Any]
Places = Sequence[tuple[Sequence[str], Finding]]


@dataclass(slots=True)
class Node:
    """One value: `kind` is object, list, text, number or word; `text` is what it is, or how many
    are in it, `left` of which are not shown. `found` are the findings about it, and `near` those
    about something in it that is not there. `glance` is what is seen of it while it is closed."""

    path: str
    key: str | None
    kind: str
    text: str
    children: list[Node] = field(default_factory=list)
    left: int = 0
    found: list[Finding] = field(default_factory=list)
    near: list[Finding] = field(default_factory=list)
    open: bool = True
    glance: str = ""


def tree(value: Any, findings: Iterable[Finding] = ()) -> Node:
    """The tree of a value with these findings, whose `path` is as `json_path` writes it."""
    places = [(list(steps(found["path"])), found) for found in findings]
    return Builder().node(value, None, "$", places, 0)


class Numeral(str):
    """A number as it was written: of a bill, every digit counts."""


def read(text: str) -> Any:
    """A JSON text as a value whose numbers are numerals. Raises ValueError or RecursionError."""
    return json.loads(text, parse_int=Numeral, parse_float=Numeral, parse_constant=_nothing)


def _nothing(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def steps(path: str) -> Iterator[str]:
    """`$.events[3]['a b']` as `.events`, `[3]`, `['a b']`."""
    return (found[0] for found in STEP.finditer(path))


class Builder:
    """Counts what is shown."""

    def __init__(self) -> None:
        self._left = MOST

    def node(self, value: Any, key: str | None, path: str, places: Places, depth: int) -> Node:
        kind, text = _told(value)
        node = Node(path, key, kind, text)
        below: dict[str, list[tuple[Sequence[str], Finding]]] = defaultdict(list)
        for rest, found in places:
            if rest:
                below[rest[0]].append((rest[1:], found))
            else:
                node.found.append(found)
        if kind in ("object", "list"):
            self._fill(node, value, below, depth)
        node.near = [found for group in below.values() for _, found in group]
        node.open = bool(places) or len(node.children) + node.left <= OPEN or depth == 0
        node.glance = _glance(value)
        return node

    def _fill(self, node: Node, value: Any, below: dict[str, Any], depth: int) -> None:
        """The children that are shown, each with what was found below it."""
        crowd = sum(isinstance(item, dict | list) for _, item in islice(_items(value), ITEMS))
        for n, (key, item) in enumerate(_items(value)):
            step = json_path([key])[1:]
            places = below.pop(step, [])
            if not places and (n >= ITEMS or self._left <= 0 or depth >= DEEPEST):
                node.left += 1
                continue
            self._left -= 1
            name = key if isinstance(key, str) else str(key)
            child = self.node(item, name, node.path + step, places, depth + 1)
            child.open = child.open and (bool(places) or crowd <= ABREAST)
            node.children.append(child)


def _items(value: Any) -> Iterable[tuple[str | int, Any]]:
    return value.items() if isinstance(value, dict) else enumerate(value)


def _glance(value: Any) -> str:
    """`api_call, k1, acme`: the first values of an object."""
    if not isinstance(value, dict):
        return ""
    plain = (item for item in islice(value.values(), ITEMS) if not isinstance(item, dict | list))
    texts = (_told(item)[1] for item in islice(plain, FEW))
    return ", ".join(text if len(text) <= GLANCE else f"{text[:GLANCE]}…" for text in texts)


def _told(value: Any) -> tuple[str, str]:
    if isinstance(value, dict):
        return "object", _counted(len(value), "field")
    if isinstance(value, list):
        return "list", _counted(len(value), "item")
    if isinstance(value, Numeral):
        return "number", value
    if isinstance(value, str):
        return "text", value
    if value is None or isinstance(value, bool):
        return "word", {None: "null", True: "true", False: "false"}[value]
    return "number", str(value)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
