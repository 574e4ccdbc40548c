"""What Kana decides about track events: plain functions over plain state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.model import Violation
from sandbox.kana.entitlements import INT
from sandbox.kana.features import wanted
from sandbox.kana.state import Event, Feature, State, Terms
from sandbox.kana.usage import record
from sandbox.reply import Effects, Outcome, Usage

__all__ = ["Tracked", "refusals", "repeated", "reprocess", "retry", "track"]


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
        event.kept = found[0].rule
        state.unmapped.append(event)
        lost = _guess(event, state, terms)
        return Tracked((Effects("unmatched", [lost], found[0].rule),), tuple(found))
    fresh = _create(event, state, terms)
    tracked = _record([event], state, terms, event.at)
    brought = retry(state, terms, event.at) if fresh else ()
    return Tracked(tracked.effects + brought, tracked.findings + _uncounted(event, terms))


def reprocess(state: State, terms: Terms, now: datetime) -> tuple[Effects, ...]:
    """Try every unmapped event again, and record those that now map (rules kana.rules.reprocess
    and kana.rules.retry); what is refused then is refused for good (rule
    kana.rules.reprocess-once)."""
    mapping = [event for event in state.unmapped if not _obstacles(event, state, terms)]
    gone = {id(event) for event in mapping}
    state.unmapped = [event for event in state.unmapped if id(event) not in gone]
    for event in mapping:
        _create(event, state, terms)
    return _record(mapping, state, terms, now).effects


def retry(state: State, terms: Terms, now: datetime) -> tuple[Effects, ...]:
    """What a new user or feature brings, where the switch says so (rule kana.rules.retry)."""
    return reprocess(state, terms, now) if terms.retry == "any" else ()


def _obstacles(event: Event, state: State, terms: Terms) -> list[Violation]:
    """Every reason why this event's usage cannot be recorded; empty when it can."""
    found = []
    if event.user not in state.users and terms.unknown_user != "created":
        left = state.successor(event.user)
        why = f"Kana has no user {event.user!r}; identify comes first"
        if left is not None:
            why = f"Kana has no user {event.user!r} any more, who became {left!r}"
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


def _record(events: Sequence[Event], state: State, terms: Terms, now: datetime) -> Tracked:
    """Record the usage of events whose users and features are known, as far as their users may
    use so much."""
    done: dict[tuple[Outcome, str | None], list[Usage]] = {}
    findings = []
    for event in events:
        for usage in _usages(event, state, terms):
            verdict = record(usage, state, terms, now)
            if verdict.rule is None:
                done.setdefault(("accepted", _late(event)), []).append(usage)
                continue
            done.setdefault(("dropped", verdict.rule), []).append(usage)
            path = "$.properties.featureId"
            findings.append(Violation(path, verdict.reason, usage.meter, verdict.rule))
    effects = tuple(Effects(outcome, usages, why) for (outcome, why), usages in done.items())
    return Tracked(effects, tuple(findings))


def _late(event: Event) -> str | None:
    """The rule by which an event that was kept is counted after all. Kana tells it of those that
    no rule mapped, and of no others."""
    if not event.kept:
        return None
    mapped = event.kept == "kana.track.unmapped"
    return "kana.rules.reprocess" if mapped else "kana.rules.retry"


def _uncounted(event: Event, terms: Terms) -> tuple[Violation, ...]:
    """A delta that a mapping rule passes over (rule kana.rules.delta)."""
    delta = event.properties.get("delta")
    by_rule = event.properties.get("featureId") in (None, "")
    if delta in (None, 1) or not by_rule or terms.rule_delta == "delta":
        return ()
    why = "counts as 1: a mapping rule matched, and those pass over the delta"
    return (Violation("$.properties.delta", why, delta, "kana.rules.delta"),)


def _usages(event: Event, state: State, terms: Terms) -> Iterator[Usage]:
    for n, (feature, delta) in enumerate(wanted(event, state, terms)):
        name = state.free(f"{event.id}:{feature}") if n else event.id
        if n:
            state.take("", name)
        yield Usage(name, event.user, feature, int(delta))


def _guess(event: Event, state: State, terms: Terms) -> Usage:
    """What the event would have been billed as, as far as it can be told."""
    asked = wanted(event, state, terms) or [(None, 1)]
    feature, delta = asked[0]
    number = isinstance(delta, int | float) and not isinstance(delta, bool)
    meter = feature if isinstance(feature, str) else None
    return Usage(event.id, event.user, meter, delta if number else 1)
