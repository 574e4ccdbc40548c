"""A report: what was judged, what was found, and what was never tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sandbox.clock import wall

__all__ = ["LEVELS", "VERDICTS", "Check", "Coverage", "Finding", "Level", "Place", "Report"]

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
Verdict = Literal["passed", "failed", "skipped"]
VERDICTS: tuple[Verdict, ...] = ("passed", "failed", "skipped")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file of the user's; lines and columns count from 1."""

    file: str
    line: int = 1
    column: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: at which JSON `path`, if at one, by which `rule`, how
    that is known (`source`, `confidence`, the day it was `read`), and what to do (`fix`)."""

    message: str
    path: str = "$"
    level: Level = "error"
    value: Any = None
    rule: str = ""
    sentence: str = ""
    source: str = ""
    confidence: str = ""
    read: str = ""
    fix: str = ""
    place: Place | None = None

    @property
    def told(self) -> str:
        """What it says, and where in a body if it is about one."""
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was judged: a payload, a request, a contract case. `group` is what it belongs
    to, such as a vendor; `detail` is what a reader of a failure wants to see beside the findings,
    or why it was skipped."""

    name: str
    group: str = ""
    verdict: Verdict = "passed"
    findings: Sequence[Finding] = ()
    detail: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of the `known` things of a kind was exercised. The names of both are in order."""

    kind: str
    known: Sequence[str]
    exercised: Sequence[str]

    @property
    def percent(self) -> float:
        """100 where nothing is known."""
        return 100 * len(self.exercised) / len(self.known) if self.known else 100.0

    @property
    def missing(self) -> list[str]:
        seen = set(self.exercised)
        return [name for name in self.known if name not in seen]


@dataclass(frozen=True, slots=True)
class Report:
    """`title` is what was run, `subject` the outcome in a sentence. `checks` may leave out some of
    those that `counts`, by verdict, tells of: a million payloads that are right, for example."""

    title: str
    subject: str
    checks: Sequence[Check] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    coverage: Sequence[Coverage] = ()
    at: datetime = field(default_factory=wall)

    @property
    def totals(self) -> dict[Verdict, int]:
        """How many checks there were, by verdict, with those that are left out."""
        kept = Counter(check.verdict for check in self.checks)
        return {verdict: max(kept[verdict], self.counts.get(verdict, 0)) for verdict in VERDICTS}

    @property
    def left_out(self) -> dict[Verdict, int]:
        """How many checks of each verdict are counted and not told of."""
        kept = Counter(check.verdict for check in self.checks)
        return {verdict: count - kept[verdict] for verdict, count in self.totals.items()}

    def found(self) -> Iterator[tuple[Check, Finding]]:
        """Every finding, with what it was found in."""
        return ((check, finding) for check in self.checks for finding in check.findings)
