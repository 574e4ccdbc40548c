"""Kana's pages of mapping rules, and of the events that no rule maps."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from contracts.model import BadValue, Json
from sandbox.kana import rules
from sandbox.kana.features import leaves
from sandbox.kana.pages import Arguments, an_object, note, only, text
from sandbox.kana.state import MappingRule, State, Terms
from sandbox.reply import Usage

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["mapping_rules", "unmapped"]


def mapping_rules(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{} lists the rules; {"add": {"name", "event"?, "properties"?, "featureId"}} makes one, and
    {"remove": name} removes one. `reprocessed` tells the usage that a new rule found."""
    only(arguments, "remove" if "remove" in arguments else "add")  # one thing at a time
    state: State = account.state
    found: list[Usage] = []
    if "remove" in arguments:
        name = text(arguments, "remove")
        if state.rules.pop(name, None) is None:
            raise BadValue("remove", name, f"one of {list(state.rules)}")
    if "add" in arguments:
        rule = _rule(an_object(arguments, "add"), state)
        state.rules[rule.name] = rule
        effects = rules.reprocess(state, Terms.of(account.settings), now)
        found = [usage for e in effects if e.outcome == "accepted" for usage in e.items]
        note(account, now, effects)
    listed = [rule.shown() for rule in state.rules.values()]
    return {"rules": listed, "reprocessed": [_shown(usage) for usage in found]}


def unmapped(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} counts the events that map to no feature: by event name, and by property and value."""
    only(arguments)
    state: State = account.state
    names = Counter(event.name for event in state.unmapped)
    places = Counter(place for event in state.unmapped for place in leaves(event.properties))
    return {
        "text": f"{len(state.unmapped)} events were not mapped to features",
        "byEvent": [{"event": name, "count": n} for name, n in names.most_common()],
        "byProperty": [
            {"path": path, "value": value, "count": n} for (path, value), n in places.most_common()
        ],
    }


def _rule(given: Arguments, state: State) -> MappingRule:
    only(given, "name", "event", "properties", "featureId")
    name, feature = text(given, "name"), text(given, "featureId")
    if name in state.rules:
        raise BadValue("name", name, "a new rule's")
    if feature not in state.features:
        raise BadValue("featureId", feature, f"one of {list(state.features)}")
    event = text(given, "event") if given.get("event") is not None else None
    conditions = an_object(given, "properties") if given.get("properties") is not None else {}
    properties = tuple((path, text(conditions, path, blank=True)) for path in conditions)
    if event is None and not properties:
        raise BadValue("add", given, "a rule with an event or properties to match")
    return MappingRule(name, feature, event, properties)


def _shown(usage: Usage) -> dict[str, Json]:
    return {
        "event": usage.event,
        "userId": usage.customer,
        "featureId": usage.meter,
        "delta": usage.quantity,
    }
