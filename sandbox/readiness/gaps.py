"""What is missing in a run or wrong with it, as findings."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.model import Contract
from sandbox.readiness.stories import Story
from sandbox.reports.model import Finding, Level

__all__ = ["each", "gap", "of_rule"]

SHOWN = 5
"""Events that a finding names; the others are counted."""


def each(
    stories: Sequence[Story],
    why: str,
    fix: str,
    contract: Contract | None = None,
    rule: str = "",
) -> list[Finding]:
    """One finding on these events, if there are any."""
    if not stories:
        return []
    named = ", ".join(story.name for story in stories[:SHOWN])
    more = f", and {len(stories) - SHOWN:,} more" if len(stories) > SHOWN else ""
    message = f"{len(stories):,} {why}: {named}{more}."
    return [of_rule(contract, rule, message, fix) if contract and rule else gap(message, fix)]


def gap(message: str, fix: str) -> Finding:
    return Finding(message, path="", fix=fix)


def of_rule(
    contract: Contract, rule: str, message: str, fix: str, level: Level = "error"
) -> Finding:
    known = contract.rules[rule]
    return Finding(
        message,
        path="",
        level=level,
        rule=rule,
        sentence=known.sentence,
        source=known.source,
        confidence=known.confidence,
        read=known.read,
        fix=fix,
    )
