"""What a person does on Kana's web dashboard: features, mapping rules, imports and merges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from contracts.model import BadValue, Json
from sandbox.kana import rules, users
from sandbox.kana.features import leaves
from sandbox.kana.state import Feature, MappingRule, State, Terms, User
from sandbox.reply import Effects, Usage

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["FUNCTIONS"]

Arguments = Mapping[str, Any]


def features(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{} lists the features; {"add": {"id", "name"?, "type"?}} declares one."""
    _only(arguments, "add")
    state: State = account.state
    if "add" in arguments:
        given = _object(arguments, "add")
        _only(given, "id", "name", "type")
        feature = Feature(_text(given, "id"), _text(given, "name", given["id"]), _type(given))
        if feature.id in state.features:
            raise BadValue("id", feature.id, "a new feature's")
        state.features[feature.id] = feature
        _note(account, now, rules.retry(state, Terms.of(account.settings)))
    return [{"id": f.id, "name": f.name, "type": f.type} for f in state.features.values()]


def mapping_rules(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{} lists the rules; {"add": {"name", "event"?, "properties"?, "featureId"}} makes one, and
    {"remove": name} removes one. `reprocessed` tells the usage that a new rule found."""
    _only(arguments, "remove" if "remove" in arguments else "add")  # one thing at a time
    state: State = account.state
    found: list[Usage] = []
    if "remove" in arguments:
        name = _text(arguments, "remove")
        if state.rules.pop(name, None) is None:
            raise BadValue("remove", name, f"one of {list(state.rules)}")
    if "add" in arguments:
        rule = _rule(_object(arguments, "add"), state)
        state.rules[rule.name] = rule
        found = rules.reprocess(state, Terms.of(account.settings))
        if found:
            _note(account, now, (Effects("accepted", found, "kana.rules.reprocess"),))
    listed = [rule.shown() for rule in state.rules.values()]
    return {"rules": listed, "reprocessed": [_shown(usage) for usage in found]}


def import_stripe(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{"customers": [{"billingId", "email", "name"?}, ...]} links or creates a user for each."""
    _only(arguments, "customers")
    given = arguments.get("customers")
    if not isinstance(given, list):
        raise BadValue("customers", given, "a list of customers")
    customers = [_customer(entry) for entry in given]  # all are right before one is imported
    state: State = account.state
    terms = Terms.of(account.settings)
    done = [users.import_customer(customer, state, terms) for customer in customers]
    if any(new for _, new in done):
        _note(account, now, rules.retry(state, terms))
    return {
        "created": [user.id for user, new in done if new],
        "linked": [user.id for user, new in done if not new],
    }


def list_users(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} lists the users, oldest first."""
    _only(arguments)
    state: State = account.state
    return [user.shown() for user in state.oldest_first()]


def flags(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} tells which users have no billingId, and which have the same email."""
    _only(arguments)
    state: State = account.state
    everybody = state.oldest_first()
    terms = Terms.of(account.settings)
    unbilled = [user.id for user in everybody if user.billing_id is None]
    alike = [user.id for user in everybody if len(users.sharing(user.email, state, terms)) > 1]
    texts = {
        f"{len(unbilled)} users are not connected to a billing provider": unbilled,
        f"{len(alike)} users have the same email address": alike,
    }
    return {
        "withoutBillingId": unbilled,
        "sameEmail": alike,
        "texts": [text for text, found in texts.items() if found],
    }


def merge(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{"users": [id, id, ...]} merges them into the one that was created first."""
    _only(arguments, "users")
    state: State = account.state
    survivor, effects = users.join(_chosen(arguments.get("users"), state), state)
    _note(account, now, effects)
    return survivor.shown()


def unmapped(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} counts the events that map to no feature: by event name, and by property and value."""
    _only(arguments)
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


FUNCTIONS: Mapping[str, Callable[[Account, Arguments, datetime], Json]] = {
    "features": features,
    "flags": flags,
    "import-stripe": import_stripe,
    "merge": merge,
    "rules": mapping_rules,
    "unmapped": unmapped,
    "users": list_users,
}


def _note(account: Account, now: datetime, effects: tuple[Effects, ...]) -> None:
    """Enter into the ledger what the dashboard did, which no exchange did."""
    for effect in effects:
        account.ledger.record(0, now, effect)


def _rule(given: Arguments, state: State) -> MappingRule:
    _only(given, "name", "event", "properties", "featureId")
    name, feature = _text(given, "name"), _text(given, "featureId")
    if name in state.rules:
        raise BadValue("name", name, "a new rule's")
    if feature not in state.features:
        raise BadValue("featureId", feature, f"one of {list(state.features)}")
    event = _text(given, "event") if given.get("event") is not None else None
    conditions = _object(given, "properties") if given.get("properties") is not None else {}
    properties = tuple((path, _text(conditions, path, blank=True)) for path in conditions)
    if event is None and not properties:
        raise BadValue("add", given, "a rule with an event or properties to match")
    return MappingRule(name, feature, event, properties)


def _customer(given: Any) -> users.Customer:
    if not isinstance(given, Mapping):
        raise BadValue("customers", given, "a list of customers")
    _only(given, "billingId", "email", "name")
    name = _text(given, "name") if given.get("name") is not None else None
    return users.Customer(_text(given, "email"), _text(given, "billingId"), name)


def _chosen(ids: Any, state: State) -> list[User]:
    if not isinstance(ids, list) or len(ids) < 2:
        raise BadValue("users", ids, "a list of two ids or more")
    for place, id in enumerate(ids):
        if not isinstance(id, str) or id not in state.users or id in ids[:place]:
            raise BadValue("users", id, f"one of {list(state.users)}, named once")
    return [state.users[id] for id in ids]


def _shown(usage: Usage) -> dict[str, Json]:
    return {
        "event": usage.event,
        "userId": usage.customer,
        "featureId": usage.meter,
        "delta": usage.quantity,
    }


def _only(arguments: Arguments, *names: str) -> None:
    for name in arguments:
        if name not in names:
            raise BadValue(name, arguments[name], f"an argument; known: {', '.join(names) or '-'}")


def _object(arguments: Arguments, name: str) -> Mapping[str, Any]:
    value = arguments.get(name)
    if not isinstance(value, Mapping):
        raise BadValue(name, value, "an object")
    return value


def _text(arguments: Arguments, name: str, default: Any = None, *, blank: bool = False) -> str:
    value = arguments.get(name, default)
    if not isinstance(value, str) or not (value or blank):
        raise BadValue(name, value, "text")
    return value


def _type(arguments: Arguments) -> Literal["BINARY", "CONSUMABLE"]:
    value = arguments.get("type", "CONSUMABLE")
    if value == "BINARY":
        return "BINARY"
    if value != "CONSUMABLE":
        raise BadValue("type", value, "BINARY or CONSUMABLE")
    return "CONSUMABLE"
