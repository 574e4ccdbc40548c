"""An accepted call as Segment hands it to destinations: identified, merged, its time corrected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.model import Violation
from sandbox.clock import iso
from sandbox.segment.arrivals import Arrival, Envelope

__all__ = ["Source", "instant", "published", "skewed"]

TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:.,]+([Zz]|[+-][0-9:]+)?)?")
SKEW = timedelta(minutes=1)
VERSION = 2
ASSIGNED = ("receivedAt", "originalTimestamp", "sentAt", "writeKey")


@dataclass(frozen=True, slots=True)
class Source:
    """Where calls come from. `envelope_wins` tells who wins where a batch and its call differ."""

    project: str
    channel: str
    envelope_wins: bool


@dataclass(frozen=True, slots=True)
class Times:
    """The client's two times, as far as they can be read, and the time of receipt."""

    original: datetime | None
    sent: datetime | None
    received: datetime

    @property
    def corrected(self) -> datetime:
        """The client's time by the server's clock (rule segment.timestamp.corrected)."""
        if self.original is None:
            return self.received
        if self.sent is None:
            return self.original
        try:
            return self.received - (self.sent - self.original)
        except OverflowError:  # the year 1 or 9999: there is no such date
            return self.original


def instant(written: Any) -> datetime | None:
    """A time in UTC, or None where the text tells none (rule segment.timestamp.utc)."""
    if not isinstance(written, str) or not TIME.fullmatch(written):
        return None
    try:
        at = datetime.fromisoformat(written.upper())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def published(
    arrival: Arrival, id: str, envelope: Envelope, source: Source, received: datetime
) -> dict[str, Any]:
    """The call as a destination gets it (rule segment.delivered)."""
    given: Mapping[str, Any] = arrival.given
    event = {k: v for k, v in given.items() if v is not None and k not in ASSIGNED}
    event["type"] = arrival.type
    event["messageId"] = id
    event["context"] = _merged(envelope.context, event.get("context"), source)
    event["integrations"] = _merged(envelope.integrations, event.get("integrations"), source)
    times = _times(arrival, envelope, received)
    event["timestamp"] = iso(times.corrected)
    event["receivedAt"] = iso(received)
    if times.original is not None:
        event["originalTimestamp"] = iso(times.original)
    if times.sent is not None:
        event["sentAt"] = iso(times.sent)
    event["channel"] = source.channel
    event["version"] = VERSION
    event["projectId"] = source.project
    return event


def skewed(arrival: Arrival, envelope: Envelope, received: datetime) -> list[Violation]:
    """A finding where the client's clock moved the call's time by more than a minute."""
    times = _times(arrival, envelope, received)
    if times.original is None or abs(times.corrected - times.original) <= SKEW:
        return []
    why = (
        f"sent at {iso(times.sent or received)} and received at {iso(received)}: "
        f"destinations get {iso(times.corrected)}"
    )
    value = arrival.given["timestamp"]
    return [Violation(f"{arrival.path}.timestamp", why, value, "segment.timestamp.corrected")]


def _times(arrival: Arrival, envelope: Envelope, received: datetime) -> Times:
    sent = arrival.given.get("sentAt")
    return Times(
        instant(arrival.given.get("timestamp")),
        instant(envelope.sent_at if sent is None else sent),
        received,
    )


def _merged(batch: Mapping[str, Any], own: Any, source: Source) -> dict[str, Any]:
    """Key by key at the top level; nested objects are not merged (rule segment.batch.merge)."""
    call: Mapping[str, Any] = own or {}
    return {**call, **batch} if source.envelope_wins else {**batch, **call}
