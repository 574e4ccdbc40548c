"""What Segment decides about calls after its 200: plain functions over plain state and `now`.

Order (rule segment.order): the source as a whole, then the structure of each call, then its
messageId. A call is dropped alone; the others of its batch are published.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from contracts.conformance import violations
from contracts.model import Violation
from contracts.schema import Schema
from sandbox.segment.arrivals import Arrival
from sandbox.segment.delivery import instant

__all__ = ["Seen", "State", "Terms", "barred", "judge", "sift", "weigh"]

MOST = 2_500
SINGLE = 32
BATCH = 500
SHOWN = 50
DISCARD = "segment.discard."
BAD_REQUEST = DISCARD + "bad_request"
SWITCHED = (
    "segment.body.media",
    "segment.limit.event",
    "segment.message-id.length",
    "segment.timestamp.malformed",
)


@dataclass(slots=True)
class Seen:
    """When a messageId came first, and with which body."""

    at: datetime
    fingerprint: bytes


@dataclass
class State:
    """What Segment keeps of one source: `seen` in order of first sight, `shown` the latest few."""

    seen: dict[str, Seen] = field(default_factory=dict)
    shown: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=SHOWN))
    disabled: bool = False
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """The account's settings that ingestion asks for; `dropping` are the rules set to drop."""

    dropping: frozenset[str]
    window: timedelta
    kilobyte: int

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Terms:
        return cls(
            frozenset(rule for rule in SWITCHED if settings[rule] == "drop"),
            settings["segment.dedup.window"],
            int(settings["segment.limit.kilobyte"]),
        )

    def drops(self, violation: Violation) -> bool:
        return violation.rule.startswith(DISCARD) or violation.rule in self.dropping


def barred(state: State, *, known: bool, count: int) -> Violation | None:
    """Why nothing of a request is published though it is answered 200; None when something is."""
    if not known:
        return _bar("project_not_found", "no source has this write key")
    if state.locked:
        return _bar("locked_workspace", "the workspace is locked")
    if state.disabled:
        return _bar("source_disabled", "the source is switched off")
    if not count:
        return replace(_bar("empty_batch", "the batch holds no calls"), path="$.batch")
    if count > MOST:
        why = f"{count} calls in one batch; at most {MOST}"
        return Violation("$.batch", why, count, "segment.limit.batch-events")
    return None


def weigh(size: int, arrived: Sequence[Arrival], terms: Terms, *, batch: bool) -> Violation | None:
    """Why a request is too large to be taken at all; None when it is not."""
    most = (BATCH if batch else SINGLE) * terms.kilobyte
    if size > most:
        rule = "segment.limit.batch" if batch else "segment.limit.request"
        return Violation("$", f"the body has {size} bytes; at most {most}", size, rule)
    if not batch or "segment.limit.event" in terms.dropping or not _suspect(size, terms):
        return None
    return next((found for arrival in arrived for found in _oversize(arrival, terms)), None)


def judge(arrival: Arrival, schema: Schema, terms: Terms, size: int) -> None:
    """Note everything wrong with a call on it, and the code it is dropped with, if it is."""
    found = [
        replace(violation, path=arrival.path + violation.path[1:])
        for violation in violations(arrival.given, schema, rule=BAD_REQUEST)
    ]
    if isinstance(arrival.given, dict):
        arrival.fingerprint = _fingerprint(arrival.given)
        _read_times(arrival, found)
        if arrival.index is not None and _suspect(size, terms):
            found += _oversize(arrival, terms)
    arrival.found = found
    arrival.code = next((v.rule for v in found if terms.drops(v)), None)


def sift(
    arrived: Iterable[Arrival], state: State, terms: Terms, now: datetime
) -> tuple[list[Arrival], list[Arrival]]:
    """New calls and repeated ones, by messageId (rule segment.dedup.window)."""
    _forget(state, terms, now)
    fresh: list[Arrival] = []
    repeated: list[Arrival] = []
    for arrival in arrived:
        id = arrival.given.get("messageId")
        before = state.seen.get(id) if id else None
        if before is not None and now - before.at <= terms.window:
            arrival.found += _changed(arrival, before)
            repeated.append(arrival)
            continue
        fresh.append(arrival)
        if id:
            state.seen.pop(id, None)
            state.seen[id] = Seen(now, arrival.fingerprint)
    return fresh, repeated


def _bar(code: str, why: str) -> Violation:
    return Violation("$", why, None, DISCARD + code)


def _suspect(size: int, terms: Terms) -> bool:
    """Whether a body is so large that a call in it may be too large."""
    return size > SINGLE * terms.kilobyte


def _oversize(arrival: Arrival, terms: Terms) -> list[Violation]:
    most = SINGLE * terms.kilobyte
    size = len(orjson.dumps(arrival.given))
    if size <= most:
        return []
    why = f"the call has {size} bytes; at most {most}"
    return [Violation(arrival.path, why, size, "segment.limit.event")]


def _fingerprint(given: Mapping[str, Any]) -> bytes:
    # sentAt is new in each of an SDK's tries at the same call (rule segment.dedup.other-body).
    lasting = {key: value for key, value in given.items() if key != "sentAt"}
    written = orjson.dumps(lasting, option=orjson.OPT_SORT_KEYS)
    return blake2b(written, digest_size=16).digest()


def _read_times(arrival: Arrival, found: list[Violation]) -> None:
    """The client's times; there are some of the right shape that no calendar has."""
    arrival.original = _time(arrival, "timestamp", "segment.timestamp.malformed", found)
    arrival.sent = _time(arrival, "sentAt", "segment.timestamp.sent-at", found)


def _time(arrival: Arrival, name: str, rule: str, found: list[Violation]) -> datetime | None:
    written = arrival.given.get(name)
    at = instant(written)
    if at is None and written is not None and not any(v.rule == rule for v in found):
        path = f"{arrival.path}.{name}"
        found.append(Violation(path, f"{written!r} is no time", written, rule))
    return at


def _changed(arrival: Arrival, before: Seen) -> list[Violation]:
    if before.fingerprint == arrival.fingerprint:
        return []
    id = arrival.given["messageId"]
    why = "this messageId came before, with another body; the first one stays"
    return [Violation(f"{arrival.path}.messageId", why, id, "segment.dedup.other-body")]


def _forget(state: State, terms: Terms, now: datetime) -> None:
    """Let go of messageIds whose window is over, oldest first."""
    for id in list(_expired(state, terms, now)):
        del state.seen[id]


def _expired(state: State, terms: Terms, now: datetime) -> Iterable[str]:
    for id, seen in state.seen.items():
        if now - seen.at <= terms.window:
            return
        yield id
