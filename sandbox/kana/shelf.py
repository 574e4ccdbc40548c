"""Packages, subscriptions and payment templates on Kana's dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from contracts.model import BadValue, Json
from sandbox.kana import catalogue
from sandbox.kana.entitlements import INT
from sandbox.kana.packages import STATUSES, Price
from sandbox.kana.pages import Arguments, an_object, only, text
from sandbox.kana.periods import Reset
from sandbox.kana.refusal import Refused
from sandbox.kana.state import State
from sandbox.kana.subscriptions import subscribe, subscription_of

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["packages", "subscriptions", "templates"]


def packages(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{} lists the packages; {"add": {"id", "name"?, "isAddon"?, "features": [{"id", "limit"?,
    "resetPeriod"?, "overageEnabled"?}]}} drafts one, {"publish": id} and {"archive": id} do so,
    and {"price": {"package", "amount", "currency", "displayAmount", "provider"?, "interval"?}}
    gives it one more price."""
    state: State = account.state
    acts = {"add": _add, "publish": _publish, "archive": _archive, "price": _price}
    act = next((name for name in acts if name in arguments), None)
    only(arguments, act or "add")
    if act is not None:
        try:
            acts[act](account, arguments, now)
        except Refused as refused:
            raise BadValue(refused.argument, refused.value, refused.message) from refused
    return [package.shown() for package in state.packages.values()]


def subscriptions(account: Account, arguments: Arguments, now: datetime) -> Json:
    """{} lists the subscriptions; {"add": {"userId", "packageIds"}} makes some, and {"status":
    {"id", "status"}} sets what the billing provider would tell of one."""
    state: State = account.state
    only(arguments, "status" if "status" in arguments else "add")  # one thing at a time
    try:
        if "add" in arguments:
            given = an_object(arguments, "add")
            only(given, "userId", "packageIds")
            subscribe(_texts(given, "packageIds"), text(given, "userId"), state, now)
        if "status" in arguments:
            given = an_object(arguments, "status")
            only(given, "id", "status")
            found = subscription_of(text(given, "id"), state)
            found.status = _one_of(given, "status", STATUSES)
    except Refused as refused:
        raise BadValue(refused.argument, refused.value, refused.message) from refused
    return [found.shown() for found in state.every_subscription()]


def templates(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} lists the billing templates that links can be made of; {"add": id} makes one."""
    only(arguments, "add")
    state: State = account.state
    if "add" in arguments:
        state.templates.add(text(arguments, "add"))
    return sorted(state.templates)


def _add(account: Account, arguments: Arguments, now: datetime) -> None:
    given = an_object(arguments, "add")
    only(given, "id", "name", "isAddon", "features")
    parts = given.get("features")
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise BadValue("features", parts, "a list of features")
    addon = given.get("isAddon", False)
    if not isinstance(addon, bool):
        raise BadValue("isAddon", addon, "true or false")
    package = {
        "id": text(given, "id"),
        "name": text(given, "name", given["id"]),
        "isAddon": addon,
        "features": [_feature(part) for part in parts],
    }
    catalogue.create_package(package, account.state, now)


def _feature(given: Mapping[str, Any]) -> dict[str, Any]:
    """A feature of a package; it has an entitlement where anything is said of one."""
    only(given, "id", "limit", "resetPeriod", "overageEnabled")
    if len(given) == 1:
        return {"id": text(given, "id")}
    limit, overage = given.get("limit"), given.get("overageEnabled", False)
    if limit is not None:
        limit = _whole(given, "limit")
    if not isinstance(overage, bool):
        raise BadValue("overageEnabled", overage, "true or false")
    reset = _one_of(given, "resetPeriod", get_args(Reset))
    entitlement = {"limit": limit, "resetPeriod": reset, "overageEnabled": overage}
    return {"id": text(given, "id"), "entitlement": entitlement}


def _publish(account: Account, arguments: Arguments, now: datetime) -> None:
    catalogue.publish(text(arguments, "publish"), account.state, now)


def _archive(account: Account, arguments: Arguments, now: datetime) -> None:
    catalogue.archive(text(arguments, "archive"), account.state, now)


def _price(account: Account, arguments: Arguments, now: datetime) -> None:
    given = an_object(arguments, "price")
    only(given, "package", "provider", "amount", "currency", "displayAmount", "interval")
    package = catalogue.package_of(text(given, "package"), account.state)
    price = Price(
        id=str(len(package.prices) + 1),
        provider=text(given, "provider", "stripe"),
        amount=_whole(given, "amount"),
        display_amount=text(given, "displayAmount"),
        currency=text(given, "currency"),
        interval=text(given, "interval") if given.get("interval") is not None else None,
    )
    package.prices, package.updated = (*package.prices, price), now


def _texts(given: Arguments, name: str) -> list[str]:
    value = given.get(name)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadValue(name, value, "a list of ids")
    return value


def _one_of(given: Arguments, name: str, known: tuple[Any, ...]) -> Any:
    value = given.get(name)
    if value not in known:
        raise BadValue(name, value, f"one of {', '.join(known)}")
    return value


def _whole(given: Arguments, name: str) -> int:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < INT:
        raise BadValue(name, value, "a whole number of 31 bits")
    return value
