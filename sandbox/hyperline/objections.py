"""What is wrong with the events of a batch: with one, or with all of them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contracts.conformance import violations
from contracts.model import Violation
from sandbox.hyperline.leniency import forgiven
from sandbox.hyperline.rules import Terms, objections
from sandbox.room import Call

__all__ = ["MIXED", "invalid", "mixed"]

MIXED = "hyperline.batch.event-type"

Event = Mapping[str, Any]
Objections = dict[int, list[Violation]]
Place = Callable[[int], str]


def invalid(call: Call, place: Place, terms: Terms) -> Objections:
    """What is wrong with single events, where the settings ask for it; usually nothing is asked."""
    found: Objections = {}
    strict = terms.timestamps == "strict" or "reject" in (terms.nulls, terms.unknown_keys)
    each = call.setting("hyperline.batch.invalid") == "fail-each"
    for index, event in enumerate(call.body if strict or each else ()):
        told = _departures(call, event, place(index)) if each else []
        if not told and strict:
            told = list(objections(event, place(index), terms))
        if told:
            found[index] = told
    return found


def _departures(call: Call, event: Event, place: str) -> list[Violation]:
    schema = call.endpoint.event
    if schema is None or schema.accepts(event):
        return []
    settings = call.account.settings
    return [
        Violation(place + v.path[1:], v.message, v.value, v.rule, v.suggestion, v.also)
        for v in violations(event, schema, rule="hyperline.ingest.structure")
        if not forgiven(v, settings)
    ]


def mixed(call: Call, place: Place, faulty: Mapping[int, Any]) -> Objections:
    """Events with another event_type than the first (rule hyperline.batch.event-type)."""
    if call.setting(MIXED) == "allow":
        return {}
    kinds = {i: event["event_type"] for i, event in enumerate(call.body) if i not in faulty}
    if len(set(kinds.values())) < 2:
        return {}
    first = next(iter(kinds.values()))
    why = "All events must have the same event_type."
    return {
        index: [Violation(f"{place(index)}.event_type", why, kind, MIXED)]
        for index, kind in kinds.items()
        if kind != first
    }
