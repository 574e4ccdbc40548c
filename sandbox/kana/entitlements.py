"""What a user may use: one decision, which recording usage and asking whether one can both take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sandbox.kana.packages import Part, Subscription
from sandbox.kana.periods import period
from sandbox.kana.state import Feature, State, Terms

__all__ = ["Allowance", "Verdict", "allowance", "entitling", "judge"]

INT = 2**31
"""GraphQL's Int, the documented type of usage, goes from -INT to INT - 1."""

GRANTED = (
    "The user has a subcription to a package with this consumable feature and either has an "
    "allowance remaining or overage is enabled."
)
"""Kana's own words, misspelt as they are published; the other reasons' are not known."""
GRANTED_BINARY = "The user has a subscription to a package with this binary feature."
NO_SUBSCRIPTION = "The user does not have a subscription to a package with this feature."
NO_ALLOWANCE = (
    "The user has a subscription to a package with this consumable feature but has no allowance "
    "remaining and overage is not enabled."
)
BELOW_ZERO = "The usage of this feature cannot fall below zero."
BEYOND_INT = "The usage of this feature cannot be counted that far."


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one user may use of one feature: by which subscription, and of a CONSUMABLE feature
    how much of it is used in the period from `start` until before `end`."""

    subscription: Subscription
    part: Part
    start: datetime | None = None
    end: datetime | None = None
    used: int = 0

    @property
    def unlimited(self) -> bool:
        return self.part.limit is None or self.part.overage

    def holds(self, amount: int) -> bool:
        """Whether so much more may be used; what gives usage back always may."""
        limit = self.part.limit
        return amount <= 0 or limit is None or self.part.overage or self.used + amount <= limit


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a user may use so much, in Kana's words; and the rule that says no."""

    reason: str
    rule: str | None = None

    @property
    def access(self) -> bool:
        return self.rule is None


def entitling(user: str, feature: str, state: State) -> Iterator[tuple[Subscription, Part]]:
    """Every subscription that entitles this user to the feature, the oldest first."""
    for subscription in state.subscriptions.get(user, ()):
        part = state.packages[subscription.package].parts.get(feature)
        if part is not None and subscription.entitles:
            yield subscription, part


def allowance(user: str, feature: Feature, state: State, now: datetime) -> Allowance | None:
    """By the package with the highest limit, and of equal ones by the oldest subscription
    (rules kana.entitlement.highest and kana.entitlement.equal); None where no package has it."""
    found = list(entitling(user, feature.id, state))
    if not found:
        return None
    subscription, part = max(found, key=_height)
    if part.reset is None:
        return Allowance(subscription, part)
    start, end = period(subscription.since, part.reset, now)
    used = state.records.used(user, feature.id, (start, end))
    return Allowance(subscription, part, start, end, used)


def _height(found: tuple[Subscription, Part]) -> float:
    limit = found[1].limit
    return float("inf") if limit is None else limit


def judge(allowed: Allowance | None, feature: Feature, amount: int, terms: Terms) -> Verdict:
    """Whether a user with this allowance may use `amount` more of the feature."""
    if allowed is None:
        return Verdict(NO_SUBSCRIPTION, "kana.usage.entitlement")
    if feature.type == "BINARY":
        return Verdict(GRANTED_BINARY)
    after = allowed.used + amount
    if not -INT <= after < INT:
        return Verdict(BEYOND_INT, "kana.usage.range")
    if after < 0 and amount < 0 and terms.below_zero == "refused":
        return Verdict(BELOW_ZERO, "kana.usage.below-zero")
    if not allowed.holds(amount):
        return Verdict(NO_ALLOWANCE, "kana.usage.limit")
    return Verdict(GRANTED)
