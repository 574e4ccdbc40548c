"""How long to wait before the next try: full jitter, doubling, inside Segment's four hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

__all__ = ["WINDOW", "Backoff"]

WINDOW = timedelta(hours=4)
FIRST = timedelta(seconds=1)
DOUBLINGS = 14
"""After which the ceiling is longer than the window."""


@dataclass(frozen=True)
class Backoff:
    """`scale` compresses time: at 0.001, four hours are 14.4 seconds.

    Segment publishes the window and that waits are exponential and random, but no lengths; the
    first ceiling of one second is ours (rule segment.delivery.waits).
    """

    chance: Random
    scale: float = 1.0

    @property
    def window(self) -> timedelta:
        return WINDOW * self.scale

    def wait(
        self, retries: int, *, spent: timedelta, after: timedelta | None = None
    ) -> timedelta | None:
        """How long to wait before the next try, or None to give up.

        `retries` is how many waits came before, `spent` the time since the first try, `after` what
        the vendor asked for, which `scale` never shortens: a wait that would pass the four hours is
        not begun. Without it, the last try is at the end of the window.
        """
        if not self.allows(spent, after):
            return None
        return max(min(self.jitter(retries), self.window - spent), after or timedelta())

    def allows(self, spent: timedelta, after: timedelta | None = None) -> bool:
        """Whether there may be another try when so much time was spent."""
        return spent < self.window and (after is None or after <= WINDOW - spent)

    def jitter(self, retries: int) -> timedelta:
        """Any length up to a ceiling that doubles with each retry."""
        return FIRST * self.scale * (1 << min(retries, DOUBLINGS)) * self.chance.random()
