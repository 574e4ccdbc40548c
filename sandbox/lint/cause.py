"""What a look at many events found: one of each cause, however many events have it."""

from __future__ import annotations

from dataclasses import dataclass, field

from contracts.model import Rule
from sandbox.lint.advice import Advice, Level
from sandbox.lint.usage import Spot

__all__ = ["SHOWN", "Cause", "Tally"]

SHOWN = 3
"""Places that a finding names; of the others it has the number."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: what was found, in how many events, and the first places where.

    `rule` is a rule of the vendor that bears on it, if there is one.
    """

    advice: Advice
    message: str
    count: int
    places: tuple[Spot, ...]
    level: Level
    rule: Rule | None = None

    @property
    def more(self) -> int:
        """How many more places there are than it names."""
        return self.count - len(self.places)


@dataclass(slots=True)
class Tally:
    """So many events, and the places of the first of them."""

    count: int = 0
    places: list[Spot] = field(default_factory=list)

    def add(self, place: Spot) -> None:
        self.count += 1
        if len(self.places) < SHOWN:
            self.places.append(place)

    def cause(
        self, advice: Advice, message: str, rule: Rule | None = None, level: Level | None = None
    ) -> Cause:
        """What it comes to."""
        places = tuple(self.places)
        return Cause(advice, message, self.count, places, level or advice.level, rule)
