"""Attempts and outcomes as bytes, for engines that keep deliveries on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jiter
import orjson

from translators.forwarding.outbox import Delivery
from translators.forwarding.outcome import Attempt, Dead, Delivered, Filtered, Outcome, Retry

__all__ = [
    "again",
    "document",
    "end",
    "event",
    "kind",
    "outcome",
    "outcome_bytes",
    "stamp",
    "tries",
    "tries_bytes",
]

KINDS: dict[str, type[Outcome]] = {
    "delivered": Delivered,
    "retry": Retry,
    "dead": Dead,
    "filtered": Filtered,
}
NAMES = {cls: name for name, cls in KINDS.items()}


def document(value: Any) -> bytes:
    """A value as JSON, even with numbers and half characters that orjson refuses."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()


def event(raw: bytes) -> dict[str, Any]:
    """An event as it was given to `document`."""
    found: dict[str, Any]
    try:
        found = jiter.from_json(raw)
    except ValueError:
        found = json.loads(raw)
    return found


def end(delivery: Delivery) -> tuple[str, str, int, bytes | None]:
    """When and how a settled delivery came to its end, and how many of its requests were sent."""
    at = delivery.attempts[-1].at if delivery.attempts else delivery.accepted
    assert delivery.outcome is not None  # it is settled
    return stamp(at), kind(delivery.outcome), delivery.sent, outcome_bytes(delivery.outcome)


def again(delivery: Delivery) -> tuple[str | None, float, int, bytes | None]:
    """When a delivery is to be tried again, after which wait in seconds, and how far it came."""
    due = None if delivery.due is None else stamp(delivery.due)
    return due, delivery.wait.total_seconds(), delivery.sent, outcome_bytes(delivery.outcome)


def stamp(at: datetime) -> str:
    """A time as text that sorts as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def kind(outcome: Outcome) -> str:
    """`delivered`, `retry`, `dead` or `filtered`."""
    return NAMES[type(outcome)]


def outcome_bytes(outcome: Outcome | None) -> bytes | None:
    if outcome is None:
        return None
    return orjson.dumps(_outcome_fields(outcome))


def outcome(raw: bytes | None) -> Outcome | None:
    return None if raw is None else _outcome(orjson.loads(raw))


def tries_bytes(attempts: Sequence[Attempt]) -> bytes | None:
    if not attempts:
        return None
    return orjson.dumps([_attempt_fields(attempt) for attempt in attempts])


def tries(raw: bytes | None) -> tuple[Attempt, ...]:
    return () if raw is None else tuple(_attempt(fields) for fields in orjson.loads(raw))


def _attempt_fields(attempt: Attempt) -> list[Any]:
    return [
        attempt.at.isoformat(),
        attempt.waited.total_seconds(),
        attempt.line,
        _outcome_fields(attempt.outcome),
        attempt.status,
        attempt.excerpt,
        attempt.exchange,
    ]


def _attempt(fields: list[Any]) -> Attempt:
    at, waited, line, came, *rest = fields
    made = _outcome(came)
    assert not isinstance(made, Filtered)  # a try is made of what is meant for the vendor
    return Attempt(datetime.fromisoformat(at), timedelta(seconds=waited), line, made, *rest)


def _outcome_fields(outcome: Outcome) -> list[Any]:
    name = NAMES[type(outcome)]
    if isinstance(outcome, Delivered):
        return [name]
    if isinstance(outcome, Retry):
        after = None if outcome.after is None else outcome.after.total_seconds()
        return [name, after, outcome.reason, outcome.code]
    if isinstance(outcome, Dead):
        return [name, outcome.reason, outcome.code, outcome.rule]
    return [name, outcome.reason, outcome.code]


def _outcome(fields: list[Any]) -> Outcome:
    name, *rest = fields
    if name == "retry":
        after, *rest = rest
        return Retry(None if after is None else timedelta(seconds=after), *rest)
    return KINDS[name](*rest)
