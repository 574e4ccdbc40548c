"""Keys in any casing, for accounts that take them so (rule kana.event.spelling)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["documented"]

EVENT = ("type", "userId", "messageId", "event", "properties", "traits")
INSIDE = {"properties": ("featureId", "delta"), "traits": ("name", "email", "billingUserId")}


def documented(body: Any) -> Any:
    """A Segment event whose keys are spelled as Kana's documentation spells them."""
    if not isinstance(body, Mapping):
        return body
    event = _respelled(body, EVENT)
    for part, names in INSIDE.items():
        if isinstance(event.get(part), Mapping):
            event[part] = _respelled(event[part], names)
    return event


def _respelled(given: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """`given` with these names; a key that is right already comes before one that is not."""
    plain = {name.lower(): name for name in names}
    kept = dict(given)
    for key in given:
        name = plain.get(key.replace("_", "").replace("-", "").lower())
        if name is not None and name not in given:
            kept[name] = kept.pop(key)
    return kept
