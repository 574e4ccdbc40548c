"""Kana's things as its Admin API shows them: what costs more than a look is asked for when wanted.

A field that is a function is called by the document that selects it, with the field's arguments.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.clock import iso
from sandbox.kana.entitlements import Allowance, Verdict, allowance, judge
from sandbox.kana.packages import Package, Part, Subscription
from sandbox.kana.periods import period
from sandbox.kana.state import Feature, State, Terms, User

__all__ = ["access", "consumption", "labelled", "package", "part", "subscription", "usage", "user"]

Shape = dict[str, Any]


def user(of: User) -> Shape:
    return {
        "id": of.id,
        "billingId": of.billing_id,
        "name": of.name,
        "email": of.email,
        "metadata": of.metadata,
    }


def package(of: Package, state: State) -> Shape:
    return {
        "id": of.id,
        "name": of.name,
        "isAddon": of.is_addon,
        "status": of.status,
        "updatedAt": iso(of.updated),
        "metadata": of.metadata,
        "features": lambda _: [part(one, state) for one in of.parts.values()],
        "prices": [
            {
                "id": price.id,
                "provider": price.provider,
                "amount": price.amount,
                "displayAmount": price.display_amount,
                "currency": price.currency,
                "interval": price.interval,
            }
            for price in of.prices
        ],
    }


def part(of: Part, state: State) -> Shape:
    """A feature as a package has it."""
    return {**labelled(state.features[of.feature]), "limit": of.limit}


def labelled(of: Feature) -> Shape:
    return {
        "id": of.id,
        "name": of.name,
        "type": of.type,
        "unitLabel": of.unit_label,
        "unitLabelPlural": of.unit_label_plural,
        "metadata": of.metadata,
    }


def subscription(of: Subscription, state: State) -> Shape:
    return {
        "id": of.id,
        "userId": of.user,
        "status": of.status,
        "package": lambda _: package(state.packages[of.package], state),
        "metadata": {},
    }


def access(
    user: str, feature: Feature, amount: int, state: State, terms: Terms, now: datetime
) -> tuple[Shape, Verdict]:
    """Whether a user may use so much of a feature, and the verdict behind it."""
    allowed = allowance(user, feature, state, now)
    verdict = judge(allowed, feature, amount, terms)
    told = {
        "access": verdict.access,
        "reason": verdict.reason,
        "consumption": consumption(allowed, allowed.used) if allowed else None,
    }
    return told, verdict


def consumption(allowed: Allowance, used: int) -> Shape | None:
    """None of a BINARY feature, which nobody uses up."""
    if allowed.part.reset is None:
        return None
    limit, overage = allowed.part.limit, allowed.part.overage
    return {"used": used, "budget": limit, "overageEnabled": overage}


def usage(user: str, feature: Feature, state: State, now: datetime) -> Shape:
    """The period that is, and those before it in which something was recorded
    (rules kana.show-usage.*)."""
    allowed = allowance(user, feature, state, now)
    if allowed is None or allowed.part.reset is None:
        return {"current": None, "past": []}
    since, reset = allowed.subscription.since, allowed.part.reset
    now_in = period(since, reset, now)
    return {
        "current": _in_period(allowed, now_in, allowed.used),
        "past": lambda _: [
            _in_period(allowed, span, used)
            for span, used in state.records.past(user, feature.id, since, reset, now_in[0])
        ],
    }


def _in_period(allowed: Allowance, span: tuple[datetime, datetime], used: int) -> Shape:
    return {
        "periodStart": iso(span[0]),
        "periodEnd": iso(span[1]),
        "consumption": consumption(allowed, used),
    }
