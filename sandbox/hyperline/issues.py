"""Departures from a contract in the form of Zod's issues, which Hyperline passes on
(rule hyperline.problem.issues)."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.model import Violation

__all__ = ["issues"]

Issue = dict[str, Any]

STEP = re.compile(
    r"""\.(?P<name>[A-Za-z_$][A-Za-z0-9_$-]*)|\[(?P<index>\d+)\]|\[(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\]"""
)
ABSENT = re.compile(r"'(\w+)' is a required property")
TYPED = re.compile(r".* is not of type (.+)", re.DOTALL)
TYPES = {"record": "object", "id": "string | number"}
"""What a key of an event is to hold, where it is not text."""


def issues(violations: Sequence[Violation]) -> list[Issue]:
    """One issue for each violation."""
    return [_issue(violation) for violation in violations]


def _issue(violation: Violation) -> Issue:
    path = _steps(violation.path)
    absent = ABSENT.fullmatch(violation.message)
    if absent:
        at = path if isinstance(violation.value, Mapping) else path[:-1]
        return _mistyped([*at, absent[1]], TYPES.get(absent[1], "string"), "undefined")
    typed = TYPED.fullmatch(violation.message)
    if typed:
        wanted = typed[1].replace("'", "").replace(", ", " | ")
        return _mistyped(path, wanted, _kind(violation.value))
    if violation.message.endswith("should be non-empty"):
        return {"code": "too_small", "minimum": 1, "path": path, "message": violation.message}
    return {"code": "custom", "path": path, "message": violation.message}


def _mistyped(path: Sequence[str | int], wanted: str, got: str) -> Issue:
    return {
        "code": "invalid_type",
        "expected": wanted,
        "received": got,
        "path": list(path),
        "message": f"Invalid input: expected {wanted}, received {got}",
    }


def _steps(path: str) -> list[str | int]:
    """`$[3].record['a b']` as `[3, "record", "a b"]`."""
    return [_step(found) for found in STEP.finditer(path)]


def _step(found: re.Match[str]) -> str | int:
    if found["index"] is not None:
        return int(found["index"])
    return found["name"] or str(literal_eval(found["quoted"]))


def _kind(value: Any) -> str:
    """The JavaScript type of a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
