"""Records usage, whichever way it comes: by the Admin API or by Segment."""

from __future__ import annotations

from datetime import datetime

from sandbox.kana.entitlements import Verdict, allowance, judge
from sandbox.kana.state import State, Terms
from sandbox.reply import Usage

__all__ = ["record"]


def record(usage: Usage, state: State, terms: Terms, now: datetime) -> Verdict:
    """Record this usage of a user and a feature that are, or say by which rule it is not.

    It belongs to the period in which it is recorded (rule kana.usage.time).
    """
    assert usage.customer is not None
    feature = state.features[usage.meter or ""]
    allowed = allowance(usage.customer, feature, state, now)
    verdict = judge(allowed, feature, int(usage.quantity), terms)
    if verdict.rule is not None and not _forgiven(verdict.rule, terms):
        return verdict
    state.records.add(usage, now)
    return Verdict(verdict.reason)


def _forgiven(rule: str, terms: Terms) -> bool:
    if rule == "kana.usage.entitlement":
        return terms.entitlement == "ignored"
    return rule == "kana.usage.limit" and terms.limit == "recorded"
