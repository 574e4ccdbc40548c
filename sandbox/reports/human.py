"""A report as plain text: what failed first, each finding as a colleague would tell it."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from sandbox.reports.findings import excerpt
from sandbox.reports.model import Check, Coverage, Finding, Report
from sandbox.unseen import spelled

__all__ = ["lines", "text", "totals"]

COLUMN = 96
MOST = 12


def text(report: Report) -> str:
    """All of it."""
    told = [line for check in report.checks if check.findings for line in _check(check)]
    told += [f"And {note}." for note in [_left_out(report)] if note]
    told += [line for covered in report.coverage for line in _covered(covered)]
    told += [f"{report.subject} {totals(report)}".strip()]
    return spelled("\n".join(told)) + "\n"


def totals(report: Report) -> str:
    """Such as `3 failed, 12 passed.`"""
    counts = [(report.totals[verdict], verdict) for verdict in ("failed", "passed", "skipped")]
    told = [f"{count:,} {verdict}" for count, verdict in counts if count]
    return ", ".join(told) + "." if told else ""


def lines(finding: Finding) -> Iterator[str]:
    """One finding: where, what, the value, the rule, how that is known, what to do."""
    place = f"{finding.place}: " if finding.place else ""
    level = "" if finding.level == "error" else f"{finding.level}: "
    at = f"at {finding.path}: " if finding.path else ""
    yield " ".join(f"    {place}{level}{at}{finding.message}".split("\n"))
    if finding.path not in ("", "$"):
        yield f"        value   {excerpt(finding.value)}"
    if finding.rule:
        yield from _wrapped("rule", f"{finding.rule}: {finding.sentence}".removesuffix(": "))
    if finding.source:
        read = f", read {finding.read}" if finding.read else ""
        known = f" ({finding.confidence}{read})" if finding.confidence else ""
        yield from _wrapped("source", finding.source + known)
    if finding.fix:
        yield from _wrapped("fix", finding.fix)


def _check(check: Check) -> Iterator[str]:
    name = f"{check.group}: {check.name}" if check.group else check.name
    yield " ".join(name.split("\n"))
    yield from (f"    {line}" for line in check.detail.splitlines())
    for finding in check.findings:
        yield from lines(finding)
    yield ""


def _left_out(report: Report) -> str:
    left = report.left_out["failed"]
    return f"{left:,} more that failed" if left else ""


def _covered(covered: Coverage) -> Iterator[str]:
    seen, known = len(covered.exercised), len(covered.known)
    yield f"{covered.kind}: {seen} of {known} exercised, {covered.percent:.0f} %"
    missing = covered.missing
    if missing:
        more = f", and {len(missing) - MOST} more" if len(missing) > MOST else ""
        yield from _wrapped("never", ", ".join(missing[:MOST]) + more)


def _wrapped(name: str, told: str) -> list[str]:
    told = told.replace(
        " ::", "\N{NO-BREAK SPACE}::"
    )  # at a line's beginning, GitHub would obey it
    parts = wrap(told, COLUMN - 16, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"        {name:<8}{parts[0]}", *(" " * 16 + part for part in parts[1:])]
