"""A transcript as a target: cases are judged by what was answered then."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from contracts.cases import Case
from sandbox.clock import parse
from sandbox.verifying.asking import Answer, Asked
from sandbox.verifying.target import Act, NotComparable, Target
from sandbox.verifying.transcript import Entry, Transcript, hidden

__all__ = ["Recorded", "Recorder"]

CUT = "bytes left out)"


class Recorder:
    """Receives cases at a transcript."""

    unsteady: frozenset[str] = frozenset()

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript

    def receive(self, case: Case) -> Target:
        line = self._transcript.cases.get(case.name)
        if line is None:
            raise NotComparable("was not recorded")
        if line["verdict"] == "not comparable":
            raise NotComparable(line["why"])
        return Recorded(line, sandbox=self._transcript.head["sandbox"])

    def see_off(self, target: Target) -> None:
        """There is nothing to be left behind."""


class Recorded:
    """What was asked and answered in one case; asked again, it answers the same, in order."""

    key = "recorded"

    def __init__(self, line: Mapping[str, Any], *, sandbox: bool) -> None:
        self.run, self.sandbox = line["run"], sandbox
        self._left = deque[Entry](line["entries"])
        self._at = self._now = parse(line["at"])

    def now(self) -> datetime:
        if self._left:
            self._now = parse(self._left[0]["now"])
        return self._now

    def machine(self) -> datetime | None:
        return self._at

    def ask(self, request: Asked, expected: int | None) -> Answer:
        entry = self._next("asked")
        told, answered = entry["asked"], entry["answered"]
        same = told["path"] == request.path or hidden(told["path"])
        if told["method"] != request.method or not same:
            raise _changed()
        if answered["body"].endswith(CUT):
            raise NotComparable("was answered more than is recorded")
        return Answer(answered["status"], answered["headers"], answered["body"].encode())

    def act(self, name: Act, given: Any) -> Any:
        entry = self._next("act")
        if entry["act"] != name:
            raise _changed()
        return entry["told"]

    def _next(self, kind: str) -> Entry:
        if not self._left or kind not in self._left[0]:
            raise _changed()
        return self._left.popleft()


def _changed() -> NotComparable:
    return NotComparable("is another case than the one that was recorded by this name")
