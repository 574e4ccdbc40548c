"""A JSON value by its beginning. However huge it is, no more than that is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

from sandbox.veil import Veil

__all__ = ["DEEPEST", "excerpt", "shallow"]

Dumps = Callable[[Any], bytes]
DEEPEST = 100  # orjson writes some 250 levels, and an exchange shows the value inside of others.
READ = 40
LONGEST = 500
DONE = object()


def shallow(node: Any, left: int = READ) -> Any:
    """A JSON value without what is nested so deeply that nobody reads it."""
    if not isinstance(node, Mapping | list):
        return node
    if left <= 0:
        return "…"
    if isinstance(node, list):
        return [shallow(item, left - 1) for item in node]
    return {key: shallow(value, left - 1) for key, value in node.items()}


def excerpt(value: Any, veil: Veil, dumps: Dumps) -> Any:
    """The value, veiled, where it is small; else the first 500 characters of it as JSON."""
    text, small = "", True
    for token, whole in _tokens(value, veil, dumps):
        text, small = text + token, small and whole
        if len(text) > LONGEST:
            return text[: LONGEST - 1] + "…"
    return veil.node(value) if small else text


def _tokens(value: Any, veil: Veil, dumps: Dumps) -> Iterator[tuple[str, bool]]:
    """JSON piece by piece, and whether each can be shown as a value. No recursion, so any depth."""
    begun: list[tuple[Iterator[tuple[str, Any]], str]] = [(iter([("", value)]), "")]
    while begun:
        inside, end = begun[-1]
        before, node = next(inside, (end, DONE))
        yield before, len(begun) <= DEEPEST
        if node is DONE:
            begun.pop()
        elif isinstance(node, Mapping):
            begun.append((_members(node, veil), "}"))
            yield "{", True
        elif isinstance(node, list | tuple):
            begun.append((_items(node), "]"))
            yield "[", True
        elif isinstance(node, str):
            yield _text(node, veil), len(node) <= LONGEST
        else:
            yield dumps(node).decode(), True


def _items(node: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for n, item in enumerate(node):
        yield "," if n else "", item


def _members(node: Mapping[Any, Any], veil: Veil) -> Iterator[tuple[str, Any]]:
    for n, (name, item) in enumerate(node.items()):
        yield f"{',' if n else ''}{_text(str(name), veil)}:", veil.field(name, item)


def _text(text: str, veil: Veil) -> str:
    return orjson.dumps(veil.beginning(text, LONGEST)).decode()
