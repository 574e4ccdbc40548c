"""What a person does on Kana's web dashboard: features, mapping rules, imports and merges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from contracts.model import BadValue, Json
from sandbox.kana import directory, mappings, rules, shelf
from sandbox.kana.pages import Arguments, an_object, note, only, text
from sandbox.kana.state import Feature, State, Terms

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["FUNCTIONS"]


def features(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{} lists the features; {"add": {"id", "name"?, "type"?}} declares one."""
    only(arguments, "add")
    state: State = account.state
    if "add" in arguments:
        given = an_object(arguments, "add")
        only(given, "id", "name", "type")
        feature = Feature(text(given, "id"), text(given, "name", given["id"]), _type(given))
        if feature.id in state.features:
            raise BadValue("id", feature.id, "a new feature's")
        state.features[feature.id] = feature
        note(account, now, rules.retry(state, Terms.of(account.settings), now))
    return [{"id": f.id, "name": f.name, "type": f.type} for f in state.features.values()]


FUNCTIONS: Mapping[str, Callable[[Account, Arguments, datetime], Json]] = {
    "features": features,
    "delete": directory.delete,
    "export-csv": directory.export_csv,
    "flags": directory.flags,
    "import-csv": directory.import_csv,
    "import-stripe": directory.import_stripe,
    "merge": directory.merge,
    "packages": shelf.packages,
    "rules": mappings.mapping_rules,
    "segment": mappings.segment,
    "subscriptions": shelf.subscriptions,
    "templates": shelf.templates,
    "unmapped": mappings.unmapped,
    "users": directory.list_users,
}


def _type(arguments: Arguments) -> Literal["BINARY", "CONSUMABLE"]:
    value = arguments.get("type", "CONSUMABLE")
    if value == "BINARY":
        return "BINARY"
    if value != "CONSUMABLE":
        raise BadValue("type", value, "BINARY or CONSUMABLE")
    return "CONSUMABLE"
