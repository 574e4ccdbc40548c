"""What is played with: read strictly, and no more of it than a person would write."""

from __future__ import annotations

from typing import Any

from contracts.model import MeterboxError
from sandbox.body import Unreadable, parse

__all__ = ["LARGEST", "Unplayable", "read"]

LARGEST = 64 * 1024
MOST = 3_000
DEEPEST = 32
"""Bytes, objects and lists, and levels."""


class Unplayable(MeterboxError):
    """What was given cannot be read, or is too much."""


def read(text: str) -> Any:
    """The JSON object or list that a text is. Raises Unplayable."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) > LARGEST:
        raise Unplayable(f"It has {len(raw):,} bytes; at most {LARGEST:,} are played with.")
    if raw.count(b"{") + raw.count(b"[") > MOST:
        raise Unplayable(f"It has more than {MOST:,} objects and lists.")
    try:
        value = parse(raw)
    except Unreadable as fault:
        raise Unplayable(f"It cannot be read: {fault.why}.") from fault
    if not isinstance(value, dict | list):
        raise Unplayable("It is no event and no payload: those are JSON objects, or lists of them.")
    if _depth(value) > DEEPEST:
        raise Unplayable(f"It is nested more than {DEEPEST} levels deep.")
    return value


def _depth(value: Any) -> int:
    """How deep it is nested; no recursion, so any depth."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inside = (node.values() if isinstance(node, dict) else node for node in level)
        level = [item for items in inside for item in items if isinstance(item, dict | list)]
    return depth
