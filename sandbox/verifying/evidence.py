"""Which rule an answer is about, and what it may mean that a target does otherwise."""

from __future__ import annotations

from contracts.cases import Case
from contracts.model import Contract, Rule

__all__ = ["meaning", "touched"]


def touched(contract: Contract, case: Case) -> Rule | None:
    """The rule that a difference in a case is about: one that is assumed, if any of them is."""
    refusing = [finding["rule"] for finding in case.findings or ()]
    rules = [contract.rules[name] for name in (*refusing, *case.rules) if name in contract.rules]
    return next((rule for rule in rules if rule.confidence == "assumed"), next(iter(rules), None))


def meaning(rule: Rule | None, *, live: bool) -> str:
    """What it may mean that a target does otherwise; `live` is whether it is the vendor itself."""
    assumed = rule is not None and rule.confidence == "assumed"
    if live and assumed:
        return "The assumption is wrong: this is the vendor's own answer."
    if live:
        return "The vendor changed, or the source is wrong."
    if assumed:
        return "The rule is an assumption: the target may know better."
    return "The target does not do as the vendor is known to."
