"""What a verification found, as a report tells it: each difference with its rule, and what that
may mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from contracts.cases import Difference
from contracts.model import Contract, Rule
from sandbox.reports.model import Check, Finding, Report
from sandbox.reports.model import Verdict as Word
from sandbox.veil import Veil
from sandbox.verifying.evidence import meaning, touched
from sandbox.verifying.verification import Judged, Verdict

__all__ = ["checked", "reported"]

WORDS: dict[Verdict, Word] = {"match": "passed", "differs": "failed", "not comparable": "skipped"}


def checked(contract: Contract, judged: Judged, veil: Veil, *, live: bool) -> Check:
    """A case as a report has it."""
    rule = touched(contract, judged.case)
    detail = judged.why
    if judged.verdict == "differs":
        detail = judged.case.description
    elif judged.unseen:
        detail = f"by its answer alone: {', '.join(judged.unseen)} are behind it"
    return Check(
        name=judged.case.name,
        group=contract.title,
        verdict=WORDS[judged.verdict],
        findings=[_finding(one, rule, veil, live=live) for one in judged.differences],
        detail=veil.text(detail),
        seconds=round(judged.seconds, 3),
    )


def _finding(difference: Difference, rule: Rule | None, veil: Veil, *, live: bool) -> Finding:
    return Finding(
        message=veil.text(difference.message),
        path=veil.text(difference.path),
        value=veil.node(difference.got),
        rule=rule.id if rule else "",
        sentence=rule.sentence if rule else "",
        source=rule.source if rule else "",
        confidence=rule.confidence if rule else "",
        read=rule.read if rule else "",
        fix=meaning(rule, live=live),
    )


def reported(
    contract: Contract,
    results: Sequence[Judged],
    where: str,
    veil: Veil,
    *,
    live: bool,
    ended: str = "",
) -> Report:
    """All of it. `ended` says why not all cases had their turn."""
    counts = Counter(judged.verdict for judged in results)
    alone = sum(bool(judged.unseen) and judged.verdict == "match" for judged in results)
    told = f"{counts['match']} match"
    if alone:
        told += f" ({alone} of them by the answer alone)"
    told += f", {counts['differs']} differ, {counts['not comparable']} are not comparable"
    subject = f"{len(results)} cases of {contract.title} at {where}: {told}.{ended}"
    checks = [checked(contract, judged, veil, live=live) for judged in results]
    return Report(f"meterbox verify {contract.vendor}", subject, checks)
