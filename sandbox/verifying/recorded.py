"""A transcript as a target: cases are judged by what was answered then."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from contracts.cases import Case
from contracts.model import Contract
from sandbox.clock import parse
from sandbox.veil import Veil
from sandbox.verifying.asking import Answer, Asked
from sandbox.verifying.target import Act, NotComparable, Target
from sandbox.verifying.transcript import NO_TEXT, Entry, Transcript, noted, veil_over

__all__ = ["Recorded", "Recorder"]

CUT = "bytes left out)"
LEFT_OUT = re.compile(r"… ?\(\d+[^)]*\)")
ASKED = ("method", "path", "query", "body")
NAME = "key-of-a-transcript"


class Recorder:
    """Receives cases at a transcript."""

    unsteady: frozenset[str] = frozenset()

    def __init__(self, transcript: Transcript, contract: Contract) -> None:
        self._transcript, self._key = transcript, contract.key(NAME)
        self._veil = veil_over(contract, self._key)

    def receive(self, case: Case) -> Target:
        line = self._transcript.cases.get(case.name)
        if line is None:
            raise NotComparable("was not recorded")
        if line["verdict"] == "not comparable":
            raise NotComparable(line["why"])
        sandbox = self._transcript.head["sandbox"]
        return Recorded(line, self._key, self._veil, sandbox=sandbox)

    def see_off(self, target: Target) -> None:
        """There is nothing to be left behind."""


class Recorded:
    """What was asked and answered in one case; asked again, it answers the same, in order."""

    def __init__(self, line: Mapping[str, Any], key: str, veil: Veil, *, sandbox: bool) -> None:
        self.key, self.run, self.sandbox, self._veil = key, line["run"], sandbox, veil
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
        told, answered, now = entry["asked"], entry["answered"], noted(request, self._veil)
        if any(_plain(told[name]) != _plain(now[name]) for name in ASKED):
            raise _changed()
        if answered["body"].endswith((CUT, NO_TEXT)):
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


def _plain(text: str) -> str:
    """A text of a transcript but for what is left out of it, and the word before that."""
    *before, last = LEFT_OUT.split(text)
    return "…".join([*map(_without_last_word, before), last])


def _without_last_word(text: str) -> str:
    return text if text[-1:].isspace() else "".join(text.rsplit(None, 1)[:-1])


def _changed() -> NotComparable:
    return NotComparable("is another case than the one that was recorded by this name")
