"""The usage that a refused body would have been, as far as it can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.model import Endpoint
from sandbox.hyperline.identity import joined
from sandbox.reply import Effects, Usage

__all__ = ["count", "lost", "rejected", "salvage"]

Event = Mapping[str, Any]


def count(body: Any) -> int:
    """The events of a body: a list's items, or one."""
    return len(body) if isinstance(body, list) else 1


def salvage(body: Any, endpoint: Endpoint) -> Sequence[Usage]:
    """The usage a refused body would have been, as far as it can be told."""
    if not endpoint.name.startswith("ingest"):
        return ()
    events = body if isinstance(body, list) else [body]
    return [_told(event) for event in events if isinstance(event, dict)]


def lost(body: Any, endpoint: Endpoint, rule: str) -> tuple[Effects, ...]:
    """What the ledger hears of a body that is refused as a whole."""
    usages = salvage(body, endpoint)
    return (Effects("rejected", usages, rule),) if usages else ()


def rejected(events: Sequence[Any], rule: str) -> tuple[Effects, ...]:
    """Events that are refused by a rule."""
    return (Effects("rejected", [_told(event) for event in events], rule),)


def _told(event: Event) -> Usage:
    """An event's usage by default identity, whatever is missing left out."""

    def text(name: str) -> str | None:
        value = event.get(name)
        return value if isinstance(value, str) else None

    record = event.get("record")
    id = record.get("id") if isinstance(record, dict) else None
    known = isinstance(id, str | int | float) and not isinstance(id, bool)
    kind = text("event_type")
    return Usage(joined(kind or "", id if known else ""), text("customer_id"), kind, 1)
