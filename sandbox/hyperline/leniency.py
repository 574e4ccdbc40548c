"""Which departures from the contract an account's settings forgive."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from contracts.model import Violation

__all__ = ["forgiven", "waives"]

MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r" ?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
ITEM = re.compile(r"\$\[[0-9]+\]")
DEEPEST = 50
"""How far a list or an object may reach down, to be kept where the contract has no place for it."""

Settings = Mapping[str, Any]


def waives(violation: Violation, settings: Settings) -> bool:
    """Whether a request may go on in spite of this departure."""
    return forgiven(violation, settings) or _left_to_batch(violation, settings)


def forgiven(violation: Violation, settings: Settings) -> bool:
    """Whether a switch makes this departure none."""
    rule, value = violation.rule, violation.value
    if rule == "hyperline.ingest.timestamp":
        return bool(settings[rule] == "lenient" and _readable(value))
    if rule == "hyperline.ingest.timestamp-offset":
        lenient = settings["hyperline.ingest.timestamp"] == "lenient"
        return lenient or bool(settings[rule] == "utc")
    if rule == "hyperline.ingest.record-objects":
        return bool(settings[rule] == "accept" and _flat(value))
    if rule == "hyperline.ingest.record-id-empty":
        return bool(settings[rule] == "accept")
    return False


def _left_to_batch(violation: Violation, settings: Settings) -> bool:
    """Whether the batch goes on without this one event (rule hyperline.batch.invalid)."""
    if settings["hyperline.batch.invalid"] != "fail-each":
        return False
    item = ITEM.match(violation.path)
    if item is None or _too_deep(violation.value):
        return False
    return item.end() < len(violation.path) or isinstance(violation.value, dict)


def _readable(value: Any) -> bool:
    """Whether a text is a date and a time that can be told from each other."""
    if not isinstance(value, str) or not MOMENT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value.replace(" Z", "Z"))
    except ValueError:
        return False
    return True


def _flat(value: Any) -> bool:
    """An object in which no list holds an object (rule hyperline.ingest.record-objects)."""
    return (
        isinstance(value, dict)
        and not _too_deep(value)
        and not any(
            isinstance(item, dict | list)
            for level in _levels(value)
            for node in level
            if isinstance(node, list)
            for item in node
        )
    )


def _too_deep(value: Any) -> bool:
    return len(_levels(value)) > DEEPEST


def _levels(value: Any) -> list[list[Any]]:
    """Lists and objects by how deep they lie, as far as they may; no recursion, so that the depth
    of a body cannot exhaust the stack."""
    levels = [[value] if isinstance(value, dict | list) else []]
    while levels[-1] and len(levels) <= DEEPEST + 1:
        below = [child for node in levels[-1] for child in _children(node)]
        levels.append([child for child in below if isinstance(child, dict | list)])
    return levels if levels[-1] else levels[:-1]


def _children(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else list(node)
