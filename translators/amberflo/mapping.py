"""Segment calls to Amberflo: usage to records, identify to customers, by the published mapping."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from translators.amberflo import values
from translators.amberflo.settings import Settings
from translators.event import Event
from translators.request import Outcome, Translation, Untranslatable, VendorRequest
from translators.trace import Draft

__all__ = ["translate"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Body = dict[str, Any]


class Missing(Exception):
    """The event lacks what a request needs; carries the outcome."""

    def __init__(self, path: str, reason: str, rule: str) -> None:
        super().__init__(reason)
        self.outcome = Untranslatable(path, reason, rule)


def translate(event: Event, settings: Settings) -> Outcome:
    """One call is one request (rule amberflo.segment.calls)."""
    draft = Draft(event.raw)
    if event.type == "screen" and not settings.screen:
        reason = "screen calls are left out, as the setting `screen` has it"
        return Untranslatable("$.type", reason, "amberflo.segment.screen", unsupported=True)
    try:
        if event.type in ("page", "screen", "track"):
            request = _record(event, draft)
        elif event.type == "identify":
            request = _customer(event, draft)
        else:
            reason = f"Amberflo takes page, screen, track and identify calls, not {event.type}"
            return Untranslatable("$.type", reason, "amberflo.segment.calls", unsupported=True)
    except Missing as missing:
        return missing.outcome
    return Translation((request,), draft.trace, draft.dropped)


def _record(event: Event, draft: Draft) -> VendorRequest:
    """One record in one request, never a list (rule amberflo.segment.record)."""
    body: Body = {
        "uniqueId": _unique_id(event, draft),
        "customerId": _billed(event, draft),
        "meterApiName": _meter(event, draft),
        "meterValue": _value(event, draft),
        "meterTimeInMillis": _time(event, draft),
    }
    dimensions = values.dimensions(event, draft)
    if dimensions:
        body["dimensions"] = dimensions
    return VendorRequest("amberflo", "ingest", "POST", "/ingest", body, body["uniqueId"])


def _unique_id(event: Event, draft: Draft) -> str:
    rule = "amberflo.segment.unique-id"
    if event.message_id is None:
        raise Missing("$.messageId", "without a messageId a repetition would bill again", rule)
    return _noted(draft, "uniqueId", event.message_id, "$.messageId", rule)


def _billed(event: Event, draft: Draft) -> str:
    rule = "amberflo.segment.customer"
    for source, id in (("$.userId", event.user_id), ("$.anonymousId", event.anonymous_id)):
        if id is not None and id.strip():
            return _noted(draft, "customerId", id, source, rule)
    raise Missing("$.userId", "the event has neither userId nor anonymousId", rule)


def _meter(event: Event, draft: Draft) -> str:
    if event.type != "track":
        return _noted(draft, "meterApiName", event.type, "$.type", f"amberflo.segment.{event.type}")
    rule = "amberflo.segment.track"
    if event.name is None:
        raise Missing("$.event", "a track call without an event has no meter", rule)
    return _noted(draft, "meterApiName", event.name, "$.event", rule)


def _value(event: Event, draft: Draft) -> int | float:
    if event.type != "track":
        draft.note("meterValue", 1.0, source=None, rule=f"amberflo.segment.{event.type}")
        return 1.0
    value = event.properties.get("value")
    if value is None:
        draft.note("meterValue", 1, source=None, rule="amberflo.segment.value")
        return 1
    if isinstance(value, bool) or not isinstance(value, int | float):
        reason = f"{value!r} is not a number"
        raise Missing("$.properties.value", reason, "amberflo.segment.value-not-number")
    rule = "amberflo.segment.value"
    draft.note("meterValue", value, source="$.properties.value", rule=rule)
    return value


def _time(event: Event, draft: Draft) -> int:
    rule = "amberflo.segment.time"
    try:
        at = datetime.fromisoformat((event.timestamp or "").upper())
    except ValueError as fault:
        reason = f"{event.timestamp!r} is not a time"
        raise Missing("$.timestamp", reason, rule) from fault
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    millis = (at - EPOCH) // timedelta(milliseconds=1)
    draft.note("meterTimeInMillis", millis, source="$.timestamp", rule=rule)
    return millis


def _customer(event: Event, draft: Draft) -> VendorRequest:
    """The whole customer, which replaces what Amberflo knew (rule amberflo.segment.identify)."""
    if event.user_id is None or not event.user_id.strip():
        reason = "identify without userId is discarded"
        raise Missing("$.userId", reason, "amberflo.segment.identified")
    rule = "amberflo.segment.identify"
    body: Body = {"customerId": _noted(draft, "customerId", event.user_id, "$.userId", rule)}
    name, email = event.traits.get("name"), event.traits.get("email")
    if isinstance(name, str) and name:
        body["customerName"] = _noted(draft, "customerName", name, "$.traits.name", rule)
    else:
        fallback = "amberflo.segment.name-missing"
        body["customerName"] = _noted(draft, "customerName", event.user_id, "$.userId", fallback)
    if isinstance(email, str):
        body["customerEmail"] = _noted(draft, "customerEmail", email, "$.traits.email", rule)
    body["traits"] = values.traits(event, draft)
    return VendorRequest("amberflo", "replace-customer", "PUT", "/customers", body)


def _noted(draft: Draft, field: str, value: str, source: str, rule: str) -> str:
    draft.note(field, value, source=source, rule=rule)
    return value
