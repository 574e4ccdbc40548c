"""Dead letters of a forwarder as they are told, and what must be so before they are tried again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts.model import MeterboxError
from sandbox.clock import iso
from sandbox.excerpt import DEEPEST, shallow
from sandbox.veil import Veil

if TYPE_CHECKING:
    from translators.forwarding.outbox import Delivery

__all__ = ["NoLetter", "check", "told", "whole"]

Now = Callable[[str], datetime]
"""The time on the clock of an origin."""
USER = re.compile(r"//[^/@\s]*@")


class NoLetter(MeterboxError):
    """There is no dead letter of that number."""

    def __init__(self, numbers: Iterable[int]) -> None:
        told = ", ".join(map(str, sorted(numbers)))
        super().__init__(f"No dead letter {told}. `meterbox dead-letters list` has them.")


def check(found: Iterable[Delivery], numbers: Sequence[int], now: Now, *, guard: bool) -> None:
    """Raises NoLetter for a number that is none, and Unguarded for what may be billed twice."""
    from translators.forwarding.letters import guarded, unsure

    missing = set(numbers)
    for letter in found:
        missing.discard(letter.number)
        since = unsure(letter)
        if guard and since is not None:
            guarded(letter.vendor, since, now=now(letter.origin))
    if missing:
        raise NoLetter(missing)


def told(letter: Delivery) -> dict[str, Any]:
    """A dead letter in a line."""
    return {
        "number": letter.number,
        "vendor": letter.vendor,
        "origin": letter.origin,
        "event": letter.event.get("messageId"),
        "accepted": iso(letter.accepted),
        "tries": len(letter.attempts),
        "code": getattr(letter.outcome, "code", None),
        "rule": getattr(letter.outcome, "rule", None),
        "reason": letter.reason,
    }


def whole(letter: Delivery) -> dict[str, Any]:
    """With its event and its tries; a secret among them is veiled as far as its name tells it."""
    attempts = [
        {
            "time": iso(attempt.at),
            "request": USER.sub("//***@", attempt.line),
            "status": attempt.status,
            "answer": attempt.excerpt,
            "reason": getattr(attempt.outcome, "reason", None),
        }
        for attempt in letter.attempts
    ]
    return {
        **told(letter),
        "attempts": attempts,
        "body": Veil(()).node(shallow(letter.event, DEEPEST)),
    }
