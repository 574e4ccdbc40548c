"""HTTP idempotency keys: the same key and request get the same reply, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from contracts.model import Violation
from sandbox.reply import Decision, Refusal, Reply, Request

if TYPE_CHECKING:
    from sandbox.room import Call, Operation

__all__ = ["REPLAY", "InFlight", "Once", "Policy", "Replay", "echoed", "once"]


REPLAY = "a replay of the first reply; nothing was done again"
SWEEP = 1024
"""Replies that are too old are forgotten once in so many new ones."""


@dataclass(slots=True)
class Replay:
    """A reply that is kept for its key."""

    at: datetime
    fingerprint: bytes
    reply: Reply


class InFlight:
    """Requests with a key of which the vendor has not decided yet: each key's first one."""

    def __init__(self) -> None:
        self._first: dict[str, Request] = {}

    def __bool__(self) -> bool:
        return bool(self._first)

    @contextmanager
    def held(self, request: Request, operation: Operation | None) -> Iterator[None]:
        """The request is under way as long as this lasts, unless one with its key is already."""
        key = _claimed(request, operation)
        if key is not None:
            self._first.setdefault(key, request)
        try:
            yield
        finally:
            if key is not None and self._first.get(key) is request:
                del self._first[key]

    def before(self, request: Request, operation: Operation | None) -> bool:
        """Whether another request with this one's key is under way."""
        return _claimed(request, operation) in self._first


@dataclass(frozen=True, slots=True)
class Policy:
    """A vendor's way with the header.

    `rule` is the rule id; `kept` how long a reply is replayed; `misused` the vendor's refusal of a
    key that came with another request; `replayed` headers that mark a replay; `longest` the longest
    key, and `too_long` the refusal of a longer one by `length_rule`; `busy` the refusal of a key
    whose first request is under way, where the vendor has one, and `busy_rule` its rule id;
    `switch` the rule whose switch, when it is off, has the header ignored.
    """

    rule: str
    kept: timedelta
    misused: Callable[[str], Reply]
    replayed: tuple[tuple[bytes, bytes], ...] = ()
    longest: int | None = None
    length_rule: str | None = None
    too_long: Callable[[str], Reply] | None = None
    busy: Callable[[str], Reply] | None = None
    busy_rule: str | None = None
    switch: str | None = None

    def ignored(self, settings: Mapping[str, Any]) -> bool:
        """Whether the account's settings have the header ignored."""
        return self.switch is not None and settings[self.switch] == "off"


@dataclass(frozen=True, slots=True)
class Once:
    """An operation that is carried out once for each Idempotency-Key."""

    operation: Operation
    policy: Policy

    def __call__(self, call: Call) -> Decision:
        key = _key(call.request)
        if key is None or self.policy.ignored(call.account.settings):
            return self.operation(call)
        _refuse(call, key, self.policy)
        return _replayed(call, key, self.policy) or _first(call, key, self.operation, self.policy)


def once(operation: Operation, policy: Policy) -> Once:
    """The operation, carried out once for each Idempotency-Key."""
    return Once(operation, policy)


def _key(request: Request) -> str | None:
    """The Idempotency-Key of a request; an empty one is none."""
    return (request.header("idempotency-key") or "").strip() or None


def _claimed(request: Request, operation: Operation | None) -> str | None:
    """The key that the request holds while it is under way, if its operation minds."""
    minds = isinstance(operation, Once) and operation.policy.busy is not None
    return _key(request) if minds else None


def _refuse(call: Call, key: str, policy: Policy) -> None:
    """Keys that are too long, or under way."""
    if policy.too_long is not None and policy.longest and len(key) > policy.longest:
        why = f"the Idempotency-Key has {len(key)} characters, more than {policy.longest}"
        rule = policy.length_rule or policy.rule
        raise Refusal(policy.too_long(key), [Violation("$", why, key, rule)])
    if policy.busy is not None and call.concurrent:
        why = "the first request with this Idempotency-Key is still under way"
        rule = policy.busy_rule or policy.rule
        raise Refusal(policy.busy(key), [Violation("$", why, key, rule)])


def echoed(
    decision: Decision,
    request: Request,
    operation: Operation | None,
    settings: Mapping[str, Any],
) -> Decision:
    """A refusal of a request whose operation minds its key carries the key too."""
    key = _key(request)
    minds = isinstance(operation, Once) and not operation.policy.ignored(settings)
    return _echoing(decision, key) if key is not None and minds else decision


def _echoing(decision: Decision, key: str) -> Decision:
    echo = (b"idempotency-key", key.encode("latin-1"))
    reply = replace(decision.reply, headers=(*decision.reply.headers, echo))
    return replace(decision, reply=reply)


def _fingerprint(call: Call) -> bytes:
    request = call.request
    target = f"{request.method} {request.path}?".encode() + request.query_string + b"\n"
    return sha256(target + request.body).digest()


def _replayed(call: Call, key: str, policy: Policy) -> Decision | None:
    kept = call.account.replays.get(key)
    if kept is None or call.now - kept.at > policy.kept:
        return None
    if kept.fingerprint != _fingerprint(call):
        why = "this Idempotency-Key came before, with another request"
        raise Refusal(policy.misused(key), [Violation("$", why, key, policy.rule)])
    marked = replace(kept.reply, headers=kept.reply.headers + policy.replayed)
    return Decision(marked, findings=(Violation("$", REPLAY, key, policy.rule),))


def _first(call: Call, key: str, operation: Operation, policy: Policy) -> Decision:
    decision = _echoing(operation(call), key)
    replays = call.account.replays
    replays[key] = Replay(call.now, _fingerprint(call), decision.reply)
    if len(replays) % SWEEP == 0:
        for old in [k for k, kept in replays.items() if call.now - kept.at > policy.kept]:
            del replays[old]
    return decision
