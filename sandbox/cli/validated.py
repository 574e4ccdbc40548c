"""What `validate` found as a report: each payload with findings is a check, up to so many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from itertools import groupby

from contracts.model import Contract
from sandbox.cli.linting import Looked
from sandbox.cli.pointing import Target, places
from sandbox.cli.telling import elsewhere
from sandbox.cli.verdict import Finding, Judged
from sandbox.lint.advice import SOURCE
from sandbox.lint.cause import Cause
from sandbox.reports.findings import finding as told
from sandbox.reports.model import Check, Place, Report, Verdict
from sandbox.reports.model import Finding as Told

__all__ = ["KEPT", "Kept"]

KEPT = 1_000
"""Payloads that a report tells of; the others are counted."""
EACH = 100
"""Findings of one of them."""
DROPPED = "lint.metric.dropped"


class Kept:
    """The findings of the first payloads that have any."""

    def __init__(self, contract: Contract, mapping: str | None) -> None:
        self._contract, self._mapping = contract, mapping
        self._payloads: list[tuple[str, Sequence[Finding], int]] = []

    def add(self, findings: Sequence[Finding]) -> None:
        """Keep findings, if there is room."""
        for (place, at), group in groupby(findings, key=lambda one: (one.place, one.at)):
            if len(self._payloads) >= KEPT:
                return
            found = list(group)
            name = place if at == "$" else f"{place} {at}"
            self._payloads.append((name, found[:EACH], len(found)))

    def report(self, subject: str, total: Judged, looked: Looked | None) -> Report:
        """All of it, each finding at its place in the files."""
        causes = [] if looked is None else looked.causes()
        targets = [_target(one) for _, found, _ in self._payloads for one in found]
        exact = places([*targets, *(Target(*astuple(cause.places[0])) for cause in causes)])
        checks = [self._check(*kept, exact) for kept in self._payloads]
        passed = total.count - total.refused - total.skipped
        counts = {"passed": passed, "failed": total.refused, "skipped": total.skipped}
        if looked is not None:
            told = [_cause(cause, self._mapping, exact) for cause in causes]
            lint = _lint(self._contract.title, told, looked.unjudged())
            counts[lint.verdict] += 1
            checks.append(lint)
        return Report(f"meterbox validate {self._contract.vendor}", subject, checks, counts)

    def _check(
        self, name: str, found: Sequence[Finding], count: int, exact: Mapping[Target, Place]
    ) -> Check:
        more = f"and {count - len(found):,} more findings" if count > len(found) else ""
        rules = self._contract.rules
        findings = [told(one.violation, rules, exact[_target(one)]) for one in found]
        return Check(name, self._contract.title, "failed", findings, more)


def _lint(title: str, found: Sequence[Told], unjudged: Sequence[str]) -> Check:
    verdict: Verdict = "failed" if any(one.level == "error" for one in found) else "passed"
    detail = "\n".join(f"{sentence}." for sentence in unjudged)
    return Check("lint for billing", title, verdict, found, detail)


def _target(finding: Finding) -> Target:
    """Where to look: in a Segment event, at the field that the request's came from."""
    file, _, line = finding.place.rpartition(":")
    return Target(file, int(line), finding.where or finding.violation.path)


def _cause(cause: Cause, mapping: str | None, exact: Mapping[Target, Place]) -> Told:
    """A cause as one finding at its first place; what a mapping leaves out is at the mapping."""
    first, *others = cause.places
    place, message = exact[Target(*astuple(first))], cause.message
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
