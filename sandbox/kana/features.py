"""Which features an event counts for: by its own featureId, or else by mapping rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.kana.state import Event, MappingRule, State, Terms

__all__ = ["leaves", "text", "wanted"]

Wanted = list[tuple[Any, Any]]


def wanted(event: Event, state: State, terms: Terms) -> Wanted:
    """Feature id and delta of each usage this event asks for, as they came; none is unmapped.

    A featureId of its own comes before any rule (rule kana.rules.match); null and empty text are
    none (rule kana.track.empty-feature).
    """
    feature, delta = event.properties.get("featureId"), event.properties.get("delta")
    delta = 1 if delta is None else delta
    if feature is not None and feature != "":
        return [(feature, delta)]
    matching = [rule.feature for rule in state.rules.values() if _matches(rule, event)]
    if terms.several_rules == "first":
        matching = matching[:1]
    counted = delta if terms.rule_delta == "delta" else 1
    return [(feature, counted) for feature in dict.fromkeys(matching)]


def _matches(rule: MappingRule, event: Event) -> bool:
    """Whether all conditions hold (rules kana.rules.match and kana.rules.text)."""
    if rule.event is not None and rule.event != event.name:
        return False
    return all(text(_at(event.properties, path)) == value for path, value in rule.properties)


def _at(properties: Mapping[str, Any], path: str) -> Any:
    node: Any = properties
    for part in path.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return {}  # an object, which no text equals
        node = node[part]
    return node


def text(value: Any) -> str | None:
    """A property's value as a person would type it; None for objects and lists."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return str(int(value)) if int(value) == value else repr(value)
    return None


def leaves(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Property path and value of each value that a rule could ask for."""
    for key, value in properties.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        elif (written := text(value)) is not None:
            yield f"{prefix}{key}", written
