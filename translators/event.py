"""The Segment event, parsed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.model import MeterboxError

__all__ = ["BadEvent", "Event", "parse"]

TYPES = ("identify", "track", "page", "screen", "group", "alias", "delete")
FIELDS = {
    name.lower(): name
    for name in (
        "type",
        "messageId",
        "userId",
        "anonymousId",
        "event",
        "name",
        "category",
        "groupId",
        "previousId",
        "timestamp",
        "properties",
        "traits",
        "context",
        "integrations",
    )
}


KNOWN = frozenset(FIELDS.values())


class BadEvent(MeterboxError):
    """Not a Segment event; `path` says where."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


@dataclass(frozen=True, slots=True)
class Event:
    """One Segment call as a destination gets it. `name` is a track's event or a page's name.

    `raw` is the whole event under Segment's own spelling of its top-level keys.
    """

    type: str
    message_id: str | None
    user_id: str | None
    anonymous_id: str | None
    name: str | None
    timestamp: str | None
    properties: Mapping[str, Any]
    traits: Mapping[str, Any]
    raw: Mapping[str, Any]


def parse(given: Any) -> Event:
    """An event from JSON, its top-level keys in any casing. Raises BadEvent.

    Segment tells partners to be ready for any casing (docs, partners/subscriptions/build-webhook).
    """
    if not isinstance(given, Mapping):
        raise BadEvent("$", "a Segment event is a JSON object")
    raw = {_spelled(key): value for key, value in given.items()}
    kind = raw.get("type")
    if kind not in TYPES:
        raise BadEvent("$.type", f"{kind!r} is not one of {', '.join(TYPES)}")
    return Event(
        type=kind,
        message_id=_text(raw, "messageId"),
        user_id=_text(raw, "userId"),
        anonymous_id=_text(raw, "anonymousId"),
        name=_text(raw, "event" if kind == "track" else "name"),
        timestamp=_text(raw, "timestamp"),
        properties=_object(raw, "properties"),
        traits=_object(raw, "traits"),
        raw=raw,
    )


def _spelled(key: str) -> str:
    return key if key in KNOWN else FIELDS.get(key.replace("_", "").lower(), key)


def _text(raw: Mapping[str, Any], key: str) -> str | None:
    """A text, or None where it is absent, null or empty."""
    value = raw.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadEvent(f"$.{key}", f"{value!r} is not text")
    return value


def _object(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadEvent(f"$.{key}", f"{value!r} is not an object")
    return value
