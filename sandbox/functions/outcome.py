"""What became of an event: as Segment classes what the handler did, and as the vendors' ledgers
tell what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sandbox.functions.call import Call

__all__ = ["FAILED", "Kind", "Outcome", "classed"]

Kind = Literal[
    "delivered",
    "no usage",
    "unsupported",
    "lost silently",
    "billed twice",
    "retried",
    "discarded",
    "crashed",
]
FAILED: frozenset[Kind] = frozenset(
    {"lost silently", "billed twice", "retried", "discarded", "crashed"}
)
DISCARDS: dict[str, tuple[Kind, str]] = {
    "EventNotSupported": ("unsupported", "UNSUPPORTED_EVENT_TYPE"),
    "InvalidEventPayload": ("discarded", "MESSAGE_REJECTED"),
    "ValidationError": ("discarded", "MESSAGE_REJECTED"),
}
ERRORS, TIMEOUT = "segment.function.errors", "segment.function.timeout"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is Segment's word for it, where Segment has one; `rules` say how we know."""

    kind: Kind
    reason: str
    rules: tuple[str, ...] = ()
    code: str | None = None

    @property
    def again(self) -> bool:
        """Whether Segment calls the handler again with the event."""
        return self.kind == "retried"


def classed(call: Call, number: int, events: int, seconds: float) -> Outcome:
    """What Segment makes of a call, for the event of this number among those it was called with.

    Whatever resolves is delivered, be it true or not.
    """
    if call.crashed:
        return Outcome("crashed", call.crashed, ("segment.function.crash",))
    if call.timed_out:
        why = f"the handler had not settled after {seconds:g} s"
        return Outcome("retried", why, (TIMEOUT,), "ETIMEDOUT")
    if call.threw is not None:
        return _thrown(call)
    if call.statuses is not None and len(call.statuses) == events:
        return _reported(*call.statuses[number])
    return Outcome("delivered", "the handler resolved", ("segment.function.success",))


def _thrown(call: Call) -> Outcome:
    assert call.threw is not None
    at = f" (line {call.threw.line})" if call.threw.line else ""
    why = f"{call.threw}{at}"
    if call.threw.name == "RetryError":
        return Outcome("retried", why, (ERRORS,), "RETRY")
    kind, code = DISCARDS.get(call.threw.name, ("discarded", "400|BAD_REQUEST"))
    return Outcome(kind, why, (ERRORS,), code)


def _reported(status: int, message: str) -> Outcome:
    """What onBatch reported of one event (rule segment.function.batch-status)."""
    rules = ("segment.function.batch-status",)
    why = f"onBatch reports {status}{f': {message}' if message else ''}"
    if 200 <= status < 300:
        return Outcome("delivered", why, rules)
    if 500 <= status < 600:
        return Outcome("retried", why, rules, str(status))
    return Outcome("discarded", why, rules, "400|BAD_REQUEST")
