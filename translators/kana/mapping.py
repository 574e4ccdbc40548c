"""Segment identify and track calls to Kana, which is sent each of them whole."""

from __future__ import annotations

from typing import Any

from contracts.conformance import json_path
from translators.event import Event
from translators.kana.settings import Settings
from translators.request import Outcome, Translation, Untranslatable, VendorRequest
from translators.trace import Draft, Traced

__all__ = ["translate"]

TRAITS = {
    "name": "kana.segment.traits",
    "email": "kana.segment.traits",
    "billingUserId": "kana.segment.billing-id",
}


def translate(event: Event, _: Settings) -> Outcome:
    """One call is one request whose body is the call (rules kana.segment.methods and .body)."""
    if event.type not in ("identify", "track"):
        reason = f"Kana takes identify and track calls, not {event.type}"
        return Untranslatable("$.type", reason, "kana.segment.methods", unsupported=True)
    if event.user_id is None:
        reason = "Kana refuses anonymous events with 400, and this one names no user"
        return Untranslatable("$.userId", reason, "kana.segment.anonymous")
    draft = Draft(event.raw)
    _note_top(draft, event)
    if event.type == "identify":
        _note_traits(draft, event)
    else:
        _note_usage(draft, event)
    request = VendorRequest(
        "kana", "segment-events", "POST", "/segment/events", dict(event.raw), event.message_id
    )
    return Translation((request,), lambda: draft.trace() + _whole(event), draft.dropped)


def _note_top(draft: Draft, event: Event) -> None:
    rules = {"userId": "kana.segment.user", "messageId": "kana.segment.message-id"}
    for key, rule in rules.items():
        _note(draft, (key,), event.raw, rule)


def _note_traits(draft: Draft, event: Event) -> None:
    for trait, rule in TRAITS.items():
        _note(draft, ("traits", trait), event.traits, rule)


def _note_usage(draft: Draft, event: Event) -> None:
    """With a featureId, that and the delta; without one, all that mapping rules may ask for."""
    rule = "kana.segment.feature"
    _note(draft, ("properties", "featureId"), event.properties, rule)
    _note(draft, ("properties", "delta"), event.properties, rule)
    if event.properties.get("featureId") in (None, ""):
        _note(draft, ("event",), event.raw, "kana.segment.mapping-rules")
        for name in event.properties:
            if name not in ("featureId", "delta"):
                place = ("properties", name)
                _note(draft, place, event.properties, "kana.segment.mapping-rules")


def _note(draft: Draft, place: tuple[str, ...], found: Any, rule: str) -> None:
    """What Kana reads keeps its place: the field is the path."""
    key = place[-1]
    if key in found:
        source = json_path(place)
        draft.note(source.removeprefix("$."), found[key], source=source, rule=rule)


def _whole(event: Event) -> tuple[Traced, ...]:
    """The body is the event, read or not (rule kana.segment.body)."""
    return tuple(
        Traced(key, json_path((key,)), value, "kana.segment.body")
        for key, value in event.raw.items()
    )
