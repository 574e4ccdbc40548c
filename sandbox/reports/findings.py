"""From a contract's violation to a finding that says what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from contracts.model import Rule, Violation
from sandbox.reports.model import Finding, Level, Place

__all__ = ["excerpt", "finding", "fix"]

CHANGES = {
    r"^'(.+)' is a required property": "add {0!r} to {where}.",
    r"is not of type (.+)$": "send {where} as {0}.",
    r"is not one of (\[.+\])$": "send one of {0} as {where}.",
    r"^Additional properties are not allowed": "leave {where} out.",
}
"""By what a finding says: what to do."""
WIDTH = 400


def finding(
    violation: Violation,
    rules: Mapping[str, Rule],
    place: Place | None = None,
    level: Level = "error",
) -> Finding:
    """What a violation says, with what is known of its rule."""
    rule = rules.get(violation.rule)
    return Finding(
        message=violation.message,
        path=violation.path,
        level=level,
        value=violation.value,
        rule=violation.rule,
        sentence=rule.sentence if rule else "",
        source=rule.source if rule else "",
        confidence=rule.confidence if rule else "",
        read=rule.read if rule else "",
        fix=fix(violation.path, violation.message, violation.suggestion),
        place=place,
    )


def fix(path: str, message: str, suggestion: str | None = None) -> str:
    """What to change in a request, as far as a finding tells."""
    name = path.rpartition(".")[2]
    if suggestion is not None:
        return f"write {suggestion!r} in the place of {name!r}."
    where = "the request" if path == "$" else path
    for pattern, change in CHANGES.items():
        told = re.search(pattern, message)
        if told is not None:
            return change.format(*told.groups(), where=where)
    return f"change {where} as the rule says."


def excerpt(body: Any) -> str:
    """The beginning of a body, on one line."""
    text = body if isinstance(body, str) else json.dumps(body, default=str)
    text = " ".join(text.split()) or "nothing"
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}… ({len(text)} characters)"
