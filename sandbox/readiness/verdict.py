"""Yes or no, with reasons: every question of a run as a check of a report."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.readiness.advice import advice
from sandbox.readiness.policy import Policy
from sandbox.readiness.questions import QUESTIONS, Question
from sandbox.readiness.run import Run
from sandbox.reports.model import Check, Finding, Report, Verdict

__all__ = ["ASKED", "judge"]

ASKED = {**QUESTIONS, "advice": advice}
"""Every question by name."""


def judge(run: Run, policy: Policy) -> Report:
    """The report; it is a yes when no check failed."""
    checks = [_check(name, ask, run, policy) for name, ask in ASKED.items()]
    gaps = [check.name for check in checks if check.verdict == "failed"]
    title = run.contract.title
    if gaps:
        told = f"Not ready for {title}: {len(gaps)} of {len(checks)} questions are answered no."
    else:
        told = f"Ready for {title}, as far as this run shows."
    return Report(f"meterbox ready {run.contract.vendor}", told, checks, coverage=run.coverage)


def _check(name: str, ask: Question, run: Run, policy: Policy) -> Check:
    put = " ".join((ask.__doc__ or "").split())
    if name in policy.waived:
        return Check(put, name, "skipped", detail=f"waived: {policy.waived[name]}")
    answer = ask(run, policy)
    verdict: Verdict = "failed" if _wrong(answer.findings) else "passed"
    verdict = verdict if answer.arises else "skipped"
    return Check(put, name, verdict, answer.findings, answer.seen)


def _wrong(findings: Sequence[Finding]) -> bool:
    return any(finding.level == "error" for finding in findings)
