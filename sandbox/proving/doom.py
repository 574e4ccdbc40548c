"""When a forwarder dies: after so many answers of its intake, or requests at the vendors."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from sandbox.proving.case import Case
from sandbox.proving.expectation import Expectation
from translators.forwarding.delivery import Target
from translators.forwarding.route import Destination, Route

__all__ = ["Doom", "least"]

SOON = 0.03
"""Seconds after an answer within which the forwarder dies, if not at once."""


class Doom:
    """Half of the kills come with an answer of the intake, at once or soon after; the others when a
    vendor has applied a request and not answered it.

    `answers` and `requests` are how many of either there will be at the least. `kill` tells
    whether there was a forwarder to be killed; if not, the next one dies as soon.
    """

    def __init__(self, case: Case, answers: int, requests: int, kill: Callable[[], bool]) -> None:
        self._chance = Random(f"{case.seed}:kills")
        late = min(case.kills // 2, requests)
        early = min(case.kills - late, answers)
        self._after_answers = set(self._chance.sample(range(1, answers + 1), early))
        self._at_requests = set(self._chance.sample(range(1, requests + 1), late))
        self._kill = kill
        self._answered = self._asked = self._due = 0

    def answered(self) -> float | None:
        """The intake has answered: in how many seconds it dies, if it does."""
        self._answered += 1
        if self._answered not in self._after_answers:
            return None
        return self._chance.choice((0.0, self._chance.random() * SOON))

    def asked(self) -> None:
        """A vendor has applied a request, and is about to answer it."""
        self._asked += 1
        self._due += self._asked in self._at_requests
        if self._due and self._kill():
            self._due -= 1


def least(case: Case, expectation: Expectation) -> int:
    """How many requests the vendors get at the least."""
    count = 0
    for vendor, given in case.settings.items():
        batching = Route.to(Destination(vendor, given, _nowhere), batching=True).batching
        answered = sum(len(fate.answers) for fate in expectation.fates[vendor])
        count += answered if batching is None else -(-answered // batching.MOST)
    return count


def _nowhere(_: str) -> Target:
    raise LookupError
