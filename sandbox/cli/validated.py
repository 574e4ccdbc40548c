"""What `validate` found as a report: each payload with findings is a check, up to so many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from contracts.model import Contract, Rule
from sandbox.cli.linting import Looked
from sandbox.cli.telling import elsewhere
from sandbox.cli.verdict import Finding, Judged
from sandbox.lint.advice import SOURCE
from sandbox.lint.cause import Cause
from sandbox.reports.findings import finding as told
from sandbox.reports.model import Check, Place, Report, Verdict
from sandbox.reports.model import Finding as Told

__all__ = ["KEPT", "Kept"]

KEPT = 1_000
"""Payloads that a report tells of, and findings of one of them; the others are counted."""
DROPPED = "lint.metric.dropped"


class Kept:
    """The findings of the first payloads that have any."""

    def __init__(self, contract: Contract, mapping: str | None) -> None:
        self._contract, self._mapping = contract, mapping
        self._checks: list[Check] = []

    def add(self, findings: Sequence[Finding]) -> None:
        """Keep findings, if there is room."""
        for (place, at), group in groupby(findings, key=lambda one: (one.place, one.at)):
            if len(self._checks) >= KEPT:
                return
            here = list(group)
            more = f"and {len(here) - KEPT:,} more findings" if len(here) > KEPT else ""
            name = place if at == "$" else f"{place} {at}"
            found = [_violation(one, self._contract.rules) for one in here[:KEPT]]
            self._checks.append(Check(name, self._contract.title, "failed", found, more))

    def report(self, subject: str, total: Judged, looked: Looked | None) -> Report:
        """All of it."""
        passed = total.count - total.refused - total.skipped
        counts = {"passed": passed, "failed": total.refused, "skipped": total.skipped}
        checks = list(self._checks)
        if looked is not None:
            lint = self._lint(looked)
            counts[lint.verdict] += 1
            checks.append(lint)
        return Report(f"meterbox validate {self._contract.vendor}", subject, checks, counts)

    def _lint(self, looked: Looked) -> Check:
        found = [_cause(cause, self._mapping) for cause in looked.causes()]
        verdict: Verdict = "failed" if any(one.level == "error" for one in found) else "passed"
        detail = "\n".join(f"{sentence}." for sentence in looked.unjudged())
        return Check("lint for billing", self._contract.title, verdict, found, detail)


def _violation(finding: Finding, rules: Mapping[str, Rule]) -> Told:
    file, _, line = finding.place.rpartition(":")
    return told(finding.violation, rules, Place(file, int(line)))


def _cause(cause: Cause, mapping: str | None) -> Told:
    """A cause as one finding at its first place; what a mapping leaves out is at the mapping."""
    first, *others = cause.places
    place, message = Place(first.file, first.line), cause.message
    if mapping is not None and cause.advice.id == DROPPED:
        others, place = list(cause.places), Place(mapping)
    if others or cause.more:
        message += f" (also at {elsewhere(cause, others)})"
    rule = cause.rule
    source = SOURCE if rule is None else f"{SOURCE}; {rule.id}, {rule.confidence}: {rule.sentence}"
    return Told(
        message=message,
        path=first.path,
        level=cause.level,
        rule=cause.advice.id,
        sentence=cause.advice.why,
        source=source,
        confidence="assumed",
        fix=cause.advice.fix,
        place=place,
    )
