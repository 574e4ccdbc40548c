"""How `validate` tells what it found: lines for people as it is found, or one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click
import orjson

from sandbox.cli.linting import Looked
from sandbox.cli.output import Span, write
from sandbox.cli.verdict import Finding, Judged
from sandbox.lint.advice import SOURCE
from sandbox.lint.cause import Cause
from sandbox.lint.linter import LEVELS
from sandbox.lint.usage import Spot

__all__ = ["JsonLines", "Lines", "Silence", "elsewhere", "sentence"]

STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
HINT = "--lint looks for what a contract allows and a biller regrets."


class Silence:
    """Tells nothing, where the report itself goes to the standard output."""

    def __init__(self, subject: str) -> None:
        self._subject = subject

    def add(self, findings: Sequence[Finding]) -> None:
        """Tell of findings at once."""

    def close(self, total: Judged, looked: Looked | None, lintable: bool = False) -> None:
        """Tell the totals, and what `--lint` found, or might where the payloads are `lintable`."""


class Lines(Silence):
    """Findings for people: a line each, then a sentence that begins with `subject`."""

    def add(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            write(*_spans(finding))

    def close(self, total: Judged, looked: Looked | None, lintable: bool = False) -> None:
        causes = looked.causes() if looked is not None else []
        for cause in causes:
            for line in _told(cause):
                write(*line)
        style = "bold red" if total.refused else "bold green"
        hint = lintable and looked is None and total.count > total.refused == 0
        closing = f" {HINT}" if hint else _sum(causes) if looked is not None else ""
        write((sentence(self._subject, total), style), (closing, "dim" if hint else ""))
        for told in looked.unjudged() if looked is not None else ():
            write((f"{told[0].upper()}{told[1:]}.", "dim"))


class JsonLines(Silence):
    """The same as one JSON object, written as it grows: findings may be too many to keep."""

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self._before = '{"violations": ['

    def add(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            click.echo(self._before + orjson.dumps(_document(finding)).decode(), nl=False)
            self._before = ",\n"

    def close(self, total: Judged, looked: Looked | None, lintable: bool = False) -> None:
        head = self._before if self._before.startswith("{") else ""
        counts = f'"payloads": {total.count}, "refused": {total.refused}'
        lint = ""
        if looked is not None:
            causes = [_cause(cause) for cause in looked.causes()]
            lint = f', "lint": {orjson.dumps(causes).decode()}'
            lint += f', "unjudged": {orjson.dumps(looked.unjudged()).decode()}'
        click.echo(f'{head}], {counts}, "skipped": {total.skipped}{lint}}}')


def sentence(subject: str, total: Judged) -> str:
    """What became of all payloads."""
    checked = f"{total.count:,} payload{'' if total.count == 1 else 's'} checked"
    refused = f"{total.refused:,} refused" if total.refused else "none refused"
    skipped = f", {total.skipped:,} of a type it does not take" if total.skipped else ""
    return f"{subject}: {checked}, {refused}{skipped}."


def elsewhere(cause: Cause, others: Sequence[Spot]) -> str:
    """Where a cause is besides: `e.ndjson:5, e.ndjson:7 and 12,344 more`."""
    spots = ", ".join(f"{spot.file}:{spot.line}" for spot in others)
    more = f"{cause.more:,} more" if cause.more else ""
    return " and ".join(filter(None, (spots, more)))


def _sum(causes: Sequence[Cause]) -> str:
    counts = Counter(cause.level for cause in causes)
    told = [f"{counts[n]} {n}{'s' if counts[n] > 1 else ''}" for n in LEVELS if counts[n]]
    return f" Lint: {', '.join(told) or 'nothing to regret'}."


def _spans(finding: Finding) -> Iterator[Span]:
    violation = finding.violation
    yield finding.place, "dim"
    yield ": "
    yield violation.path, "bold"
    if finding.source is not None:
        yield f" (from {finding.source})"
    yield f": {violation.message}"
    if violation.suggestion is not None:
        yield "; did you mean "
        yield repr(violation.suggestion), "green"
        yield "?"
    if violation.rule:
        yield f" [{violation.rule}]", "cyan"


def _told(cause: Cause) -> Iterator[list[Span]]:
    """A cause in lines: where it is first and what it is, where else, why, by whom, what to do."""
    first, *others = cause.places
    head = f"{first.file}:{first.line}", "dim"
    level = f"{cause.level}: ", STYLES[cause.level]
    rule = f" [{cause.advice.id}]", "cyan"
    yield [head, ": ", level, (first.path, "bold"), f": {cause.message}", rule]
    if cause.count > 1:
        also = [f"{spot.file}:{spot.line}" for spot in others]
        also += [f"{cause.more:,} more"] if cause.more else []
        yield [
            f"    also at {' and '.join([', '.join(also[:-1]), also[-1]]).removeprefix(' and ')}"
        ]
    yield [f"    why: {cause.advice.why}"]
    if cause.rule is not None:
        known = f"{cause.rule.id}, {cause.rule.confidence}"
        yield [f"    rule: {cause.rule.sentence} ", (f"[{known}]", "cyan")]
    yield [f"    fix: {cause.advice.fix}"]


def _document(finding: Finding) -> dict[str, Any]:
    violation = finding.violation
    file, _, line = finding.place.rpartition(":")
    return {
        "file": file,
        "line": int(line),
        "path": violation.path,
        "message": violation.message,
        "value": violation.value,
        "rule": violation.rule or None,
        "suggestion": violation.suggestion,
        "source": finding.source,
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "rule": cause.advice.id,
        "level": cause.level,
        "message": cause.message,
        "count": cause.count,
        "places": [{"file": s.file, "line": s.line, "path": s.path} for s in cause.places],
        "why": cause.advice.why,
        "fix": cause.advice.fix,
        "source": SOURCE,
        "vendor_rule": cause.rule.id if cause.rule is not None else None,
    }
