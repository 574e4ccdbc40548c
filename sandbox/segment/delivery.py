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

__all__ = ["Source", "instant", "published"]

TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:.,]+([Zz]|[+-][0-9:]+)?)?")
SKEW = timedelta(minutes=1)
VERSION = 2
ASSIGNED = ("receivedAt", "originalTimestamp", "sentAt", "writeKey")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the calls of a request come from, and when.

    `sent` is the batch's sentAt; `batch_wins` tells who wins where a batch and its call differ.
    """

    project: str
    channel: str
    received: datetime
    sent: datetime | None
    batch_wins: bool


def instant(written: Any) -> datetime | None:
    """A time in UTC, or None where the text tells none (rule segment.timestamp.utc)."""
    if not isinstance(written, str) or not TIME.fullmatch(written):
        return None
    try:
        at = datetime.fromisoformat(written.upper())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def published(arrival: Arrival, id: str, around: Envelope, source: Source) -> dict[str, Any]:
    """The call as a destination gets it (rule segment.delivered)."""
    given: Mapping[str, Any] = arrival.given
    event = {k: v for k, v in given.items() if v is not None and k not in ASSIGNED}
    event["type"] = arrival.type
    event["messageId"] = id
    event["context"] = _merged(around.context, event.get("context"), source)
    event["integrations"] = _merged(around.integrations, event.get("integrations"), source)
    corrected = _corrected(arrival, source)
    event["timestamp"] = iso(corrected)
    event["receivedAt"] = iso(source.received)
    if arrival.original is not None:
        event["originalTimestamp"] = iso(arrival.original)
        _note_skew(arrival, corrected, event["timestamp"])
    sent = _sent(arrival, source)
    if sent is not None:
        event["sentAt"] = iso(sent)
    event["channel"] = source.channel
    event["version"] = VERSION
    event["projectId"] = source.project
    return event


def _sent(arrival: Arrival, source: Source) -> datetime | None:
    """A call's own sentAt, readable or not, goes before its batch's."""
    return source.sent if arrival.given.get("sentAt") is None else arrival.sent


def _corrected(arrival: Arrival, source: Source) -> datetime:
    """The client's time by the server's clock (rule segment.timestamp.corrected)."""
    if arrival.original is None:
        return source.received
    sent = _sent(arrival, source)
    if sent is None:
        return arrival.original
    try:
        return source.received - (sent - arrival.original)
    except OverflowError:  # the year 1 or 9999: there is no such date
        return arrival.original


def _note_skew(arrival: Arrival, corrected: datetime, told: str) -> None:
    """A finding where the client's clock moves the call's time by more than a minute."""
    if arrival.original is None or abs(corrected - arrival.original) <= SKEW:
        return
    why = f"by its sentAt the client's clock is wrong; destinations get {told}"
    value = arrival.given["timestamp"]
    place = f"{arrival.path}.timestamp"
    arrival.found.append(Violation(place, why, value, "segment.timestamp.corrected"))


def _merged(batch: Mapping[str, Any], own: Any, source: Source) -> dict[str, Any]:
    """Key by key at the top level; nested objects are not merged (rule segment.batch.merge)."""
    call: Mapping[str, Any] = own or {}
    return {**call, **batch} if source.batch_wins else {**batch, **call}
