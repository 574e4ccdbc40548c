"""Segment track calls to Hyperline events, as the function on Hyperline's Segment page has it."""

from __future__ import annotations

from typing import Any

from contracts.conformance import json_path
from translators.event import Event
from translators.hyperline.settings import Settings
from translators.request import Outcome, Translation, Untranslatable, VendorRequest
from translators.trace import Draft

__all__ = ["translate"]

FIELDS = (
    ("customer_id", "userId", "hyperline.segment.customer"),
    ("event_type", "event", "hyperline.segment.event-type"),
    ("timestamp", "timestamp", "hyperline.segment.timestamp"),
    ("record.id", "messageId", "hyperline.segment.record-id"),
)
"""Field of the event, key of the Segment call, rule."""


def translate(event: Event, settings: Settings) -> Outcome:
    """One track call is one event; no other call is taken (rule hyperline.segment.track)."""
    if event.type != "track":
        reason = f"Hyperline's function takes track calls, not {event.type}"
        return Untranslatable("$.type", reason, "hyperline.segment.track", unsupported=True)
    draft = Draft(event.raw)
    got: dict[str, Any] = {}
    for field, key, rule in FIELDS:
        value = event.raw.get(key)
        if not isinstance(value, str) or not value:
            reason = f"{field} wants text, and {key} is {value!r}"
            return Untranslatable(json_path((key,)), reason, rule)
        got[field] = draft.note(field, value, source=json_path((key,)), rule=rule)
    id = got.pop("record.id")
    body = {**got, "record": {"id": id, **_properties(event, settings, draft)}}
    request = VendorRequest("hyperline", "ingest", "POST", "/v1/events", body, id)
    return Translation((request,), draft.trace, draft.dropped)


def _properties(event: Event, settings: Settings, draft: Draft) -> dict[str, Any]:
    """The properties that are picked; others never leave (rule hyperline.segment.properties)."""
    kept = {}
    for name, target in settings.recordProperties.items():
        if name in event.properties:
            kept[target] = draft.note(
                f"record.{target}",
                event.properties[name],
                source=json_path(("properties", name)),
                rule="hyperline.segment.properties",
            )
    return kept
