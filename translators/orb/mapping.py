"""Segment track calls to Orb usage events, by Orb's published mapping."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from contracts.conformance import json_path
from translators.event import Event
from translators.orb.settings import Settings
from translators.request import Outcome, Translation, Untranslatable, VendorRequest
from translators.trace import Draft

__all__ = ["translate"]


def translate(event: Event, settings: Settings) -> Outcome:
    """One track call is one usage event; no other call is taken (rule orb.segment.track)."""
    if event.type != "track":
        reason = f"Orb's destination takes track calls, not {event.type}"
        return Untranslatable("$.type", reason, "orb.segment.track", unsupported=True)
    draft = Draft(event.raw)
    named = {
        "event_name": (settings.eventNameField, "orb.segment.event-name"),
        "external_customer_id": (settings.externalCustomerIdField, "orb.segment.customer"),
        "idempotency_key": (settings.idempotencyKeyField, "orb.segment.idempotency-key"),
        "timestamp": ("timestamp", "orb.segment.timestamp"),
    }
    usage: dict[str, Any] = {}
    for field, (name, rule) in named.items():
        path, value = _named(event, name)
        if not isinstance(value, str) or not value:
            return Untranslatable(path, f"{field} wants text, and {name} is {value!r}", rule)
        usage[field] = draft.note(f"events[0].{field}", value, source=path, rule=rule)
    usage["properties"] = _properties(event, settings, draft)
    request = VendorRequest(
        "orb", "ingest", "POST", "/v1/ingest", {"events": [usage]}, usage["idempotency_key"]
    )
    return Translation((request,), draft.trace, draft.dropped)


def _properties(event: Event, settings: Settings, draft: Draft) -> dict[str, Any]:
    """The properties that are mapped; the others never leave (rule orb.segment.properties)."""
    kept = {}
    for name, value in event.properties.items():
        target = settings.propertiesMappingFields.get(name)
        if target is not None:
            field = f"events[0].properties.{target}"
            source = _path("properties", name)
            rule = "orb.segment.properties"
            kept[target] = draft.note(field, value, source=source, rule=rule)
    return kept


def _named(event: Event, name: str) -> tuple[str, Any]:
    """The place and value a setting names: a key of the event, of its properties, or a dotted
    path (rule orb.segment.field-path)."""
    if name in event.raw:
        return _path(name), event.raw[name]
    if name in event.properties:
        return _path("properties", name), event.properties[name]
    parts = name.split(".")
    node: Any = event.raw
    for part in parts:
        node = node.get(part) if isinstance(node, dict) else None
    return _path(*parts), node


@lru_cache(1024)  # the names are those of the settings: the same few, for every event
def _path(*parts: str) -> str:
    return json_path(parts)
