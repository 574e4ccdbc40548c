"""What Kana decides about track events: plain functions over plain state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contracts.model import Violation
from sandbox.kana.features import wanted
from sandbox.kana.state import Event, Feature, State, Terms
from sandbox.reply import Effects, Usage

__all__ = ["Tracked", "refusals", "repeated", "reprocess", "retry", "track"]

INT = 2**31
"""GraphQL's Int, the documented type of a delta, goes from -INT to INT - 1."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What became of one event, and what is to be said of it."""

    effects: tuple[Effects, ...]
    findings: tuple[Violation, ...] = ()


def repeated(message_id: str, state: State, terms: Terms) -> bool:
    """Whether an event with this messageId came before (rule kana.event.dedup)."""
    return terms.dedup == "on" and message_id in state.seen


def refusals(event: Event, state: State, terms: Terms) -> list[Violation]:
    """Why the account's switches have this event refused, rather than kept unmapped."""
    refusing = {
        "kana.track.unknown-user": terms.unknown_user,
        "kana.track.unknown-feature": terms.unknown_feature,
    }
    found = _obstacles(event, state, terms)
    return [violation for violation in found if refusing.get(violation.rule) == "rejected"]


def track(event: Event, state: State, terms: Terms) -> Tracked:
    """Record an event's usage, or keep it unmapped (rule kana.track.unmapped)."""
    found = _obstacles(event, state, terms)
    if found:
        state.unmapped.append(event)
        lost = _guess(event, state, terms)
        return Tracked((Effects("unmatched", [lost], found[0].rule),), tuple(found))
    fresh = _create(event, state, terms)
    effects = (Effects("accepted", _record(event, state, terms)),)
    return Tracked(effects + (retry(state, terms) if fresh else ()))


def reprocess(state: State, terms: Terms) -> list[Usage]:
    """Try every unmapped event again; usage of those that now map (rule kana.rules.reprocess)."""
    left: list[Event] = []
    usages: list[Usage] = []
    for event in state.unmapped:
        if _obstacles(event, state, terms):
            left.append(event)
            continue
        _create(event, state, terms)
        usages += _record(event, state, terms)
    state.unmapped = left
    return usages


def retry(state: State, terms: Terms) -> tuple[Effects, ...]:
    """What a new user or feature brings, where the switch says so (rule kana.rules.retry)."""
    usages = reprocess(state, terms) if terms.retry == "any" else []
    return (Effects("accepted", usages, "kana.rules.retry"),) if usages else ()


def _obstacles(event: Event, state: State, terms: Terms) -> list[Violation]:
    """Every reason why this event's usage cannot be recorded; empty when it can."""
    found = []
    if event.user not in state.users and terms.unknown_user != "created":
        why = f"Kana has no user {event.user!r}; identify comes first"
        found.append(Violation("$.userId", why, event.user, "kana.track.unknown-user"))
    asked = wanted(event, state, terms)
    if not asked:
        why = "no featureId, and no mapping rule matches"
        found.append(Violation("$.event", why, event.name, "kana.track.unmapped"))
    for feature, delta in asked:
        found += _odd(feature, delta) or _unfit(feature, state, terms)
    return found


def _odd(feature: Any, delta: Any) -> list[Violation]:
    """Values of the wrong type, where they are not refused (rule kana.track.types)."""
    found = []
    if not isinstance(feature, str):
        why = f"{feature!r} is not text"
        found.append(Violation("$.properties.featureId", why, feature, "kana.track.types"))
    if not _whole(delta):
        why = f"{delta!r} is not a whole number of 32 bits"
        found.append(Violation("$.properties.delta", why, delta, "kana.track.types"))
    return found


def _whole(delta: Any) -> bool:
    if isinstance(delta, bool) or not isinstance(delta, int | float):
        return False
    return -INT <= delta < INT and delta == int(delta)


def _unfit(feature: str, state: State, terms: Terms) -> list[Violation]:
    path, known = "$.properties.featureId", state.features.get(feature)
    if known is None:
        if terms.unknown_feature == "created":
            return []
        why = f"Kana has no feature {feature!r}"
        return [Violation(path, why, feature, "kana.track.unknown-feature")]
    if known.type == "BINARY" and terms.binary_feature == "unmatched":
        why = f"{feature!r} is a BINARY feature, which nobody uses up"
        return [Violation(path, why, feature, "kana.track.binary-feature")]
    return []


def _create(event: Event, state: State, terms: Terms) -> bool:
    """Make what the event names and Kana lacks; reached only where the switches say so."""
    missing = [id for id, _ in wanted(event, state, terms) if id not in state.features]
    for id in missing:
        state.features[id] = Feature(id, id, "CONSUMABLE")
    if event.user in state.users:
        return bool(missing)
    state.add(event.user, origin="segment")
    return True


def _record(event: Event, state: State, terms: Terms) -> list[Usage]:
    """Count the event; its user is known and so are its features."""
    kept = state.recorded.setdefault(event.user, {})
    usages = []
    for n, (feature, delta) in enumerate(wanted(event, state, terms)):
        name = f"{event.id}:{feature}" if n else event.id
        kept[name] = Usage(name, event.user, feature, int(delta))
        usages.append(kept[name])
    return usages


def _guess(event: Event, state: State, terms: Terms) -> Usage:
    """What the event would have been billed as, as far as it can be told."""
    asked = wanted(event, state, terms) or [(None, 1)]
    feature, delta = asked[0]
    number = isinstance(delta, int | float) and not isinstance(delta, bool)
    meter = feature if isinstance(feature, str) else None
    return Usage(event.id, event.user, meter, delta if number else 1)
