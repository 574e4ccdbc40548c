"""The smallest case that still goes wrong the same way, within a number of tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sandbox.proving.case import Case

__all__ = ["shrunk"]

T = TypeVar("T")


class _Spent(Exception):
    """No try is left."""


@dataclass
class _Trials:
    """`best` is the smallest case so far that goes wrong."""

    best: Case
    wrong: Callable[[Case], bool]
    left: int

    def better(self, case: Case) -> bool:
        """Whether this one goes wrong too; it is then the best. Raises _Spent."""
        if self.left == 0:
            raise _Spent
        self.left -= 1
        if self.wrong(case):
            self.best = case
            return True
        return False

    def fewer(self, name: str) -> None:
        """Leave out of a part of the case what is not needed."""

        def holds(part: Sequence[Any]) -> bool:
            changed: dict[str, Any] = {name: tuple(part)}
            less = len(getattr(self.best, name)) - len(part)
            if self.better(replace(self.best, **changed)):
                return True
            if name != "events" or not self.best.strikes:
                return False
            # With fewer events a request comes earlier, and so must the fault that strikes it.
            sooner = tuple(
                replace(strike, request=max(1, strike.request - less))
                for strike in self.best.strikes
            )
            return self.better(replace(self.best, **changed, strikes=sooner))

        _fewest(getattr(self.best, name), holds)


def shrunk(
    case: Case,
    wrong: Callable[[Case], bool],
    exactly: Callable[[Case], Case],
    vendor: str,
    *,
    tries: int,
) -> Case:
    """Try the vendor alone, then fewer kills, events and faults, as long as it goes `wrong`.

    `exactly` is the case with each fault tied to the request that it struck.
    """
    trials = _Trials(case, wrong, tries)
    try:
        if vendor in case.settings:
            trials.better(replace(case, settings={vendor: case.settings[vendor]}))
        while trials.best.kills > 1:
            if not trials.better(replace(trials.best, kills=trials.best.kills // 2)):
                break
        trials.fewer("events")
        trials.better(exactly(trials.best))
        size = None
        while size != (size := _size(trials.best)):
            for name in ("faults", "strikes", "events"):
                trials.fewer(name)
    except _Spent:
        pass
    return trials.best


def _size(case: Case) -> tuple[int, int, int]:
    return len(case.events), len(case.faults), len(case.strikes)


def _fewest(items: Sequence[T], holds: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """Leave out ever smaller pieces (A. Zeller, R. Hildebrandt, "Simplifying and Isolating
    Failure-Inducing Input", 2002); nothing that is left can be left out alone."""
    pieces = 1
    while items and pieces <= len(items):
        size = -(-len(items) // pieces)
        for start in range(0, len(items), size):
            rest = (*items[:start], *items[start + size :])
            if holds(rest):
                items, pieces = rest, max(pieces - 1, 1)
                break
        else:
            if size == 1:
                break
            pieces = min(pieces * 2, len(items))
    return items
