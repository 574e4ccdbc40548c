"""What a request brings: single calls, each where it stood, and what surrounds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.model import Endpoint, Violation
from sandbox.reply import Usage

__all__ = ["Arrival", "Envelope", "arrivals", "envelope", "usage"]


@dataclass(slots=True)
class Arrival:
    """One call as it came, and what judging it brought to light.

    `index` is its place in the batch, `code` why Segment drops it; `original` and `sent` are the
    client's times, as far as they can be read.
    """

    given: Any
    type: str
    index: int | None = None
    found: list[Violation] = field(default_factory=list)
    code: str | None = None
    fingerprint: bytes = b""
    original: datetime | None = None
    sent: datetime | None = None

    @property
    def path(self) -> str:
        return "$" if self.index is None else f"$.batch[{self.index}]"


@dataclass(slots=True)
class Envelope:
    """What a batch says of all its calls (rule segment.batch.merge)."""

    context: Mapping[str, Any] = field(default_factory=dict)
    integrations: Mapping[str, Any] = field(default_factory=dict)
    sent_at: Any = None
    found: list[Violation] = field(default_factory=list)


def arrivals(body: Mapping[str, Any], endpoint: Endpoint) -> list[Arrival]:
    """The calls of a body: one, of the path's type, or those of a batch."""
    if endpoint.name != "batch":
        return [Arrival(body, endpoint.name)]
    batch = body.get("batch")
    items = batch if isinstance(batch, list) else []
    return [Arrival(item, _type(item), index) for index, item in enumerate(items)]


def envelope(body: Mapping[str, Any], endpoint: Endpoint) -> Envelope:
    if endpoint.name != "batch":
        return Envelope()
    found = []
    batch = body.get("batch")
    if batch is not None and not isinstance(batch, list):
        found.append(_undecodable("$.batch", batch, "a list"))
    for name in ("context", "integrations"):
        value = body.get(name)
        if value is not None and not isinstance(value, dict):
            found.append(_undecodable(f"$.{name}", value, "an object"))
    if found:
        return Envelope(found=found)
    return Envelope(body.get("context") or {}, body.get("integrations") or {}, body.get("sentAt"))


def usage(arrival: Arrival) -> Usage:
    """A published call counts once, under its event or its type (rule segment.ledger.count)."""
    given = arrival.given if isinstance(arrival.given, dict) else {}

    def text(name: str) -> str | None:
        value = given.get(name)
        return value if isinstance(value, str) and value else None

    meter = text("event") if arrival.type == "track" else None
    customer = text("userId") or text("anonymousId")
    return Usage(text("messageId") or "", customer, meter or arrival.type or None, 1)


def _type(item: Any) -> str:
    type = item.get("type") if isinstance(item, dict) else None
    return type if isinstance(type, str) else ""


def _undecodable(path: str, value: Any, wanted: str) -> Violation:
    return Violation(path, f"is not {wanted}", value, "segment.discard.bad_request")
