"""Tries a function on events, one call after the other, and judges each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.functions.book import Book, Subject, concerns
from sandbox.functions.call import Call
from sandbox.functions.loss import Identity, Loss, losses, taken
from sandbox.functions.outcome import Outcome, classed
from sandbox.functions.runner import Runner
from sandbox.reply import Usage

__all__ = ["Result", "Trial", "Try"]

BATCH = "onBatch"
TAKEN = "and nothing that it sent is usage"


@dataclass(frozen=True, slots=True)
class Try:
    """A call with some subjects, by number, and what it came to for each of them."""

    call: Call
    outcomes: Mapping[int, Outcome]
    billed: Mapping[Identity, tuple[Usage, ...]]


@dataclass(slots=True)
class Result:
    """What became of the events of one call, over all its tries."""

    handler: str
    subjects: Sequence[Subject]
    tries: list[Try] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    @property
    def billed(self) -> dict[Identity, tuple[Usage, ...]]:
        """The usage that its tries have had billed; what was replaced counts once."""
        return {name: usages for one in self.tries for name, usages in one.billed.items()}


class Trial:
    """Calls the handlers of a function that is loaded.

    `retries` is how often what Segment would retry is tried again; `batch` is how many events
    onBatch gets at once, 0 for the handlers of single events.
    """

    def __init__(
        self,
        runner: Runner,
        handlers: Sequence[str],
        settings: Mapping[str, Any],
        *,
        seconds: float,
        retries: int = 0,
        batch: int = 0,
    ) -> None:
        self._runner, self._handlers, self._settings = runner, handlers, settings
        self._seconds, self._retries, self._batch = seconds, retries, batch
        self._book = Book()

    async def results(self, subjects: Sequence[Subject]) -> AsyncIterator[Result]:
        """What became of each call, in the order of the events."""
        size = self._batch or 1
        for start in range(0, len(subjects), size):
            yield await self._result(subjects[start : start + size])

    async def _result(self, subjects: Sequence[Subject]) -> Result:
        result = Result(BATCH if self._batch else subjects[0].handler, subjects)
        if result.handler not in self._handlers:
            why = f"the function has no {result.handler}"
            rules = ("segment.function.handlers",)
            told = Outcome("unsupported", why, rules, "UNSUPPORTED_EVENT_TYPE")
            result.outcomes = dict.fromkeys(range(len(subjects)), told)
            return result
        numbers = list(range(len(subjects)))
        for _ in range(1 + self._retries):
            result.tries.append(await self._tried(result, numbers))
            result.outcomes |= result.tries[-1].outcomes
            numbers = [number for number in numbers if result.outcomes[number].again]
            if not numbers:
                break
        return result

    async def _tried(self, result: Result, numbers: Sequence[int]) -> Try:
        subjects = [result.subjects[number] for number in numbers]
        events = [subject.event for subject in subjects]
        given: Any = events if self._batch else events[0]
        call = await self._runner.call(result.handler, given, self._settings)
        found = taken(call)
        twice = self._book.twice(found, subjects)
        lost = [*losses(call, found), *self._book.others(found, subjects)]
        self._book.enter(found, subjects)
        idle = None if found.held or result.billed else _idle(call)
        outcomes = {}
        for index, number in enumerate(numbers):
            told = classed(call, index, len(subjects), self._seconds)
            subject = subjects[index]
            outcomes[number] = _truly(told, subject, subjects, lost=lost, twice=twice, idle=idle)
        return Try(call, outcomes, found.billed)


def _truly(
    told: Outcome,
    subject: Subject,
    subjects: Sequence[Subject],
    *,
    lost: Sequence[Loss],
    twice: Sequence[Loss],
    idle: str | None,
) -> Outcome:
    """What became of an event, by the ledgers, where Segment is told `told`."""
    for loss in twice:
        if concerns(loss, subject, subjects):
            return Outcome("billed twice", loss.why, loss.rules, told.code)
    if told.kind != "delivered":
        return told
    for loss in lost:
        if concerns(loss, subject, subjects):
            return Outcome("lost silently", loss.why, (*told.rules, *loss.rules))
    if idle is not None and (subject.bills or idle != TAKEN):
        return replace(told, kind="no usage", reason=f"{told.reason}, {idle}")
    return told


def _idle(call: Call) -> str:
    """What a call did that had nothing billed."""
    if call.requests:
        return TAKEN
    return "sent nothing and left timers running" if call.timers else "sent nothing"
