"""A report for GitHub Actions: annotations at lines of files, and Markdown for the summary."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from sandbox.reports.human import totals
from sandbox.reports.model import LEVELS, Finding, Level, Report
from sandbox.unseen import spelled

__all__ = ["commands", "summary"]

COMMAND = {"error": "error", "warning": "warning", "note": "notice"}
MOST = 10
"""GitHub shows so many annotations of a level for a step, and drops the others in silence."""
ROWS = 200
WIDTH = 300
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
ENTITIES |= {"@": "&#64;", "://": "&#58;//", "www.": "www&#46;"}


def commands(report: Report) -> str:
    """Workflow commands, the first of each level; the rest is counted."""
    told = [line for level in LEVELS for line in _of(report, level)]
    return "".join(f"{line}\n" for line in told)


def _of(report: Report, level: Level) -> Iterator[str]:
    found = [finding for _, finding in report.found() if finding.level == level]
    shown = MOST if len(found) <= MOST else MOST - 1
    yield from map(_annotation, found[:shown])
    if len(found) > shown:
        more = f"And {len(found) - shown} more, in the summary of this step."
        yield f"::{COMMAND[level]} title=meterbox::{_data(more)}"


def _annotation(finding: Finding) -> str:
    place = finding.place
    keys = {"title": finding.rule or "meterbox"}
    if place is not None:
        keys |= {"file": place.file, "line": str(place.line)}
        keys |= {"col": str(place.column)} if place.column is not None else {}
    told = ",".join(f"{key}={_property(value)}" for key, value in keys.items())
    fix = f"\nFix: {finding.fix}" if finding.fix else ""
    return f"::{COMMAND[finding.level]} {told}::{_data(finding.told + fix)}"


def summary(report: Report) -> str:
    """Markdown: the outcome, a table of findings, what was covered."""
    lines = [f"## {_cell(report.title)}", "", _cell(f"{report.subject} {totals(report)}"), ""]
    found = list(islice(report.found(), ROWS + 1))
    if found:
        lines += ["| where | what | rule | fix |", "| --- | --- | --- | --- |"]
        lines += [_row(check.name, finding) for check, finding in found[:ROWS]]
        lines += ["", "There are more; the JSON report has them all."] if len(found) > ROWS else []
        lines.append("")
    if report.coverage:
        lines += ["| coverage | exercised | of | % |", "| --- | ---: | ---: | ---: |"]
        lines += [
            f"| {_cell(c.kind)} | {len(c.exercised)} | {len(c.known)} | {c.percent:.0f} |"
            for c in report.coverage
        ]
        lines.append("")
    return "\n".join(lines)


def _row(name: str, finding: Finding) -> str:
    where = str(finding.place) if finding.place else name
    return "| " + " | ".join(map(_cell, (where, finding.told, finding.rule, finding.fix))) + " |"


def _cell(told: str) -> str:
    """Text as Markdown shows it: no table, no link, no tag of its own."""
    cut = told if len(told) <= WIDTH else told[:WIDTH] + "…"
    plain = spelled(" ".join(cut.split()))
    for mark in "&\\|`*_[]<>#~":  # the ampersand first: others are written with one
        plain = plain.replace(mark, ENTITIES.get(mark, f"\\{mark}"))
    for mark in ("@", "://", "www."):  # which would be a mention or a link
        plain = plain.replace(mark, ENTITIES[mark])
    return plain


def _data(told: str) -> str:
    return spelled(told).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(told: str) -> str:
    return _data(told).replace(":", "%3A").replace(",", "%2C")
