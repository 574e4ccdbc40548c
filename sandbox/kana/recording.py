"""recordUsage: adds to what a user has used of a feature, or sets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sandbox.kana.catalogue import feature_of
from sandbox.kana.entitlements import Verdict, allowance
from sandbox.kana.refusal import Refused
from sandbox.kana.state import Feature, State, Terms
from sandbox.kana.subscriptions import user_of
from sandbox.kana.usage import record
from sandbox.reply import Effects, Usage

__all__ = ["Done", "record_usage", "wanted"]

EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
BINARY = "Usage of a binary feature cannot be recorded."


@dataclass(frozen=True, slots=True)
class Done:
    """What became of it, for the ledger; and what says no: a refusal, or a verdict by `rule`."""

    effects: Effects
    no: Refused | Verdict | None = None
    rule: str = ""


def record_usage(
    given: Mapping[str, Any], id: str, state: State, terms: Terms, now: datetime
) -> Done:
    """Record the usage that is asked for, as the event `id`, or say why not."""
    usage = wanted(given, id)
    try:
        user = user_of(given["userId"], state, "input.userId")
        feature = feature_of(given["featureId"], state, "input.featureId")
    except Refused as refused:
        return Done(Effects("rejected", [usage], refused.rule), refused)
    if given.get("action") == "SET":
        used = _used(user.id, feature, state, now)
        usage = replace(usage, quantity=int(usage.quantity) - used)
    verdict = _recorded(usage, feature, state, terms, now)
    if verdict.rule is None:
        return Done(Effects("accepted", [usage]))
    return Done(Effects("rejected", [usage], verdict.rule), verdict, verdict.rule)


def wanted(given: Mapping[str, Any], id: str) -> Usage:
    """The usage that is asked for, as far as it can be told; a delta that is null is 1."""
    user, feature, delta = given.get("userId"), given.get("featureId"), given.get("delta")
    number = isinstance(delta, int | float) and not isinstance(delta, bool)
    return Usage(
        id,
        user if isinstance(user, str) else None,
        feature if isinstance(feature, str) else None,
        delta if number and delta is not None else 1,
    )


def _recorded(usage: Usage, feature: Feature, state: State, terms: Terms, now: datetime) -> Verdict:
    if feature.type == "BINARY":
        return Verdict(BINARY, "kana.record.binary")
    return record(usage, state, terms, now)


def _used(user: str, feature: Feature, state: State, now: datetime) -> int:
    """What SET overwrites: the period's usage, or all there is where no period is."""
    allowed = allowance(user, feature, state, now)
    return allowed.used if allowed else state.records.used(user, feature.id, EVER)
