"""What the pages of Kana's dashboard share: how arguments are read, and acts noted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts.model import BadValue
from sandbox.reply import Effects

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["Arguments", "an_object", "note", "only", "text"]

Arguments = Mapping[str, Any]


def note(account: Account, now: datetime, effects: tuple[Effects, ...]) -> None:
    """Enter into the ledger what the dashboard did, which no exchange did."""
    for effect in effects:
        account.ledger.record(0, now, effect)


def only(arguments: Arguments, *names: str) -> None:
    for name in arguments:
        if name not in names:
            raise BadValue(name, arguments[name], f"an argument; known: {', '.join(names) or '-'}")


def an_object(arguments: Arguments, name: str) -> Mapping[str, Any]:
    value = arguments.get(name)
    if not isinstance(value, Mapping):
        raise BadValue(name, value, "an object")
    return value


def text(arguments: Arguments, name: str, default: Any = None, *, blank: bool = False) -> str:
    value = arguments.get(name, default)
    if not isinstance(value, str) or not (value or blank):
        raise BadValue(name, value, "text")
    return value
