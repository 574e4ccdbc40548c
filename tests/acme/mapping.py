"""Segment track calls to Acme's usage."""

from typing import Any

from translators.event import Event
from translators.request import Outcome, Translation, Untranslatable, VendorRequest
from translators.trace import Draft

__all__ = ["translate"]


def translate(event: Event, settings: Any) -> Outcome:
    if event.type != "track":
        return Untranslatable("$.type", "not a track call", "acme.segment.track", unsupported=True)
    if event.user_id is None:
        return Untranslatable("$.userId", "no customer", "acme.segment.customer")
    draft = Draft(event.raw)
    fields = {
        "id": (event.message_id, "$.messageId", "acme.segment.track"),
        "customer": (event.user_id, "$.userId", "acme.segment.customer"),
        "meter": (event.name, "$.event", "acme.segment.track"),
        "quantity": (settings.quantity, None, "acme.segment.track"),
        "at": (event.timestamp, "$.timestamp", "acme.segment.track"),
    }
    usage = {
        name: draft.note(f"events[0].{name}", value, source=source, rule=rule)
        for name, (value, source, rule) in fields.items()
    }
    request = VendorRequest("acme", "record-usage", "POST", "/v2/usage", {"events": [usage]})
    return Translation((request,), draft.trace, draft.dropped)
