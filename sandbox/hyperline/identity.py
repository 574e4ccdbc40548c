"""What an event is known by; two of one identity are one (rule hyperline.ingest.identity)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.numerals import javascript

__all__ = ["BY_TYPE", "joined", "named", "written"]

BY_TYPE = "event-type-and-record-id"


def named(event: Mapping[str, Any], identity: str, customer: str) -> str:
    """An event's identity as text; `customer` is Hyperline's id of who it is for.

    The text is another for each kind of identity: an event_type is never empty.
    """
    id = event["record"]["id"]
    if identity == BY_TYPE:
        return joined(event["event_type"], id)
    return _plain(written(id)) if identity == "record-id" else f"/{customer}/{written(id)}"


def joined(name: str, id: Any) -> str:
    """An identity of two parts; the first has no slash, so that no two identities are the same."""
    return f"{_plain(name)}/{written(id)}"


def _plain(name: str) -> str:
    """A text without slashes, another for each text."""
    if "/" in name or "%" in name:
        return name.replace("%", "%25").replace("/", "%2F")
    return name


def written(id: Any) -> str:
    """record.id as the text it is kept as, a number as JavaScript writes it
    (rule hyperline.ingest.record-id-number)."""
    return id if isinstance(id, str) else javascript(float(id))
