"""HTTP idempotency keys: the same key and request get the same reply, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from contracts.model import Violation
from sandbox.reply import Decision, Refusal, Reply

if TYPE_CHECKING:
    from sandbox.room import Call, Operation

__all__ = ["Policy", "Replay", "once"]


SWEEP = 1024
"""Replies that are too old are forgotten once in so many new ones."""


@dataclass(slots=True)
class Replay:
    """A reply that is kept for its key."""

    at: datetime
    fingerprint: bytes
    reply: Reply


@dataclass(frozen=True, slots=True)
class Policy:
    """A vendor's way with the header.

    `rule` is the rule id; `kept` how long a reply is replayed; `misused` the vendor's refusal of a
    key that came with another request; `replayed` headers that mark a replay; `longest` the longest
    key, and `too_long` the refusal of a longer one by `length_rule`.
    """

    rule: str
    kept: timedelta
    misused: Callable[[str], Reply]
    replayed: tuple[tuple[bytes, bytes], ...] = ()
    longest: int | None = None
    length_rule: str | None = None
    too_long: Callable[[str], Reply] | None = None


def once(operation: Operation, policy: Policy) -> Operation:
    """The operation, carried out once for each Idempotency-Key."""

    def decide(call: Call) -> Decision:
        key = call.request.header("idempotency-key")
        if key is None:
            return operation(call)
        if policy.too_long is not None and policy.longest and len(key) > policy.longest:
            why = f"the Idempotency-Key has {len(key)} characters, more than {policy.longest}"
            rule = policy.length_rule or policy.rule
            raise Refusal(policy.too_long(key), [Violation("$", why, key, rule)])
        return _replayed(call, key, policy) or _first(call, key, operation, policy)

    return decide


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
    why = "a replay of the first reply; nothing was done again"
    return Decision(marked, findings=(Violation("$", why, key, policy.rule),))


def _first(call: Call, key: str, operation: Operation, policy: Policy) -> Decision:
    decision = operation(call)
    echo = (b"idempotency-key", key.encode("latin-1"))
    reply = replace(decision.reply, headers=(*decision.reply.headers, echo))
    replays = call.account.replays
    replays[key] = Replay(call.now, _fingerprint(call), reply)
    if len(replays) % SWEEP == 0:
        for old in [k for k, kept in replays.items() if call.now - kept.at > policy.kept]:
            del replays[old]
    return replace(decision, reply=reply)
