"""Kana's pages of mapping rules, and of the events that no rule maps."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from contracts.model import BadValue, Json
from sandbox.kana import directory, rules
from sandbox.kana.features import leaves
from sandbox.kana.pages import Arguments, an_object, note, only, text
from sandbox.kana.state import MappingRule, State, Terms
from sandbox.reply import Effects, Usage

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["elapse", "mapping_rules", "segment", "unmapped"]


def mapping_rules(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{} lists the rules; {"add": {"name", "event"?, "properties"?, "featureId"}} makes one,
    {"edit": {"name", ...}} changes what it names of one and {"remove": name} removes one.
    `reprocessed` tells the usage that a new or changed rule found at once."""
    acts = [name for name in ("add", "edit", "remove") if name in arguments]
    only(arguments, *acts[:1])  # one thing at a time
    state: State = account.state
    found: list[Usage] = []
    if acts:
        _change(acts[0], arguments, state)
    if acts and acts[0] != "remove":
        state.due.append(now + account.settings["kana.rules.at-once"])
        effects = tuple(effect for _, effect in elapse(account, now))
        found = [usage for e in effects if e.outcome == "accepted" for usage in e.items]
        note(account, now, effects)
    listed = [rule.shown() for rule in state.rules.values()]
    return {"rules": listed, "reprocessed": [_shown(usage) for usage in found]}


def elapse(account: Account, now: datetime) -> list[tuple[datetime, Effects]]:
    """Try kept events again where a rule made that due by now (rule kana.rules.at-once)."""
    state: State = account.state
    ripe = sorted(at for at in state.due if at <= now)
    state.due = [at for at in state.due if at > now]
    terms = Terms.of(account.settings)
    return [(at, effect) for at in ripe for effect in rules.reprocess(state, terms, at)]


def _change(act: str, arguments: Arguments, state: State) -> None:
    if act == "remove":
        del state.rules[_known(text(arguments, "remove"), act, state)]
        return
    given = an_object(arguments, act)
    only(given, "name", "event", "properties", "featureId")
    name = text(given, "name")
    if act == "edit":
        given = {**state.rules[_known(name, "name", state)].shown(), **given}
    elif name in state.rules:
        raise BadValue("name", name, "a new rule's")
    state.rules[name] = _rule(given, state)


def _known(name: str, argument: str, state: State) -> str:
    if name not in state.rules:
        raise BadValue(argument, name, f"one of {list(state.rules)}")
    return name


def segment(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} tells whether Segment is connected and when it was last heard of, in UTC; `boxes` are
    what Kana's page says needs looking after (rule kana.segment-page)."""
    only(arguments)
    state: State = account.state
    last = state.heard and state.heard.astimezone(UTC)
    return {
        "connected": last is not None,
        "lastEventReceived": last and f"{last:%Y-%m-%d %H:%M}",
        "boxes": [_count(state)] * bool(state.unmapped) + directory.texts(account),
    }


def unmapped(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} counts the events that map to no feature: by event name, and by property and value."""
    only(arguments)
    state: State = account.state
    names = Counter(event.name for event in state.unmapped)
    places = Counter(place for event in state.unmapped for place in leaves(event.properties))
    return {
        "text": _count(state),
        "byEvent": [{"event": name, "count": n} for name, n in names.most_common()],
        "byProperty": [
            {"path": path, "value": value, "count": n} for (path, value), n in places.most_common()
        ],
    }


def _count(state: State) -> str:
    return f"{len(state.unmapped)} events were not mapped to features"


def _rule(given: Arguments, state: State) -> MappingRule:
    name, feature = text(given, "name"), text(given, "featureId")
    if feature not in state.features:
        raise BadValue("featureId", feature, f"one of {list(state.features)}")
    event = text(given, "event") if given.get("event") is not None else None
    conditions = an_object(given, "properties") if given.get("properties") is not None else {}
    properties = tuple((path, text(conditions, path, blank=True)) for path in conditions)
    if event is None and not properties:
        raise BadValue("rule", given, "a rule with an event or properties to match")
    return MappingRule(name, feature, event, properties)


def _shown(usage: Usage) -> dict[str, Json]:
    return {
        "event": usage.event,
        "userId": usage.customer,
        "featureId": usage.meter,
        "delta": usage.quantity,
    }
