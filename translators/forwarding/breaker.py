"""The circuit breaker of a destination: after tries in vain, one at a time and ever rarer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from translators.forwarding.backoff import Backoff
from translators.forwarding.outcome import Dead, Delivered, Retry

__all__ = ["Breaker"]

LONGEST = 6
"""Doublings of the first wait, after which it grows no more: a minute or so."""


@dataclass
class Breaker:
    """Opens after `most` tries in a row that came to nothing, or when the vendor asks for a pause;
    None never opens. It closes with the first answer that is an answer, but a pause that the vendor
    asked for lasts, whatever it answers to what was under way."""

    backoff: Backoff
    most: int | None
    in_vain: int = 0
    until: datetime | None = field(default=None)
    asked: datetime | None = field(default=None)

    @property
    def open(self) -> bool:
        """Whether tries are made one at a time."""
        return self.most is not None and self.in_vain >= self.most

    def holds(self, now: datetime) -> bool:
        """Whether nothing is to be tried yet."""
        return self.until is not None and now < self.until

    def note(self, outcome: Delivered | Retry | Dead, now: datetime) -> None:
        """Take in what came of a try."""
        if self.most is None:
            return
        if not isinstance(outcome, Retry):
            self.in_vain, self.until = 0, self.asked
            return
        self.in_vain += 1
        wait = outcome.after or timedelta()
        if wait:
            self.asked = max(self.asked or now, now + wait)
        if self.open:
            wait = max(wait, self.backoff.jitter(min(self.in_vain - self.most, LONGEST)))
        if wait:
            self.until = max(self.until or now, now + wait)
