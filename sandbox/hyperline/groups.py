"""Price groups, which a person makes of products and subscriptions on Hyperline's web page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from contracts.model import BadValue, Json
from sandbox.hyperline.pricing import Group
from sandbox.hyperline.state import State
from sandbox.metering import literal, plain

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["declare", "show"]

ARGUMENTS = (
    "name",
    "event_type",
    "unit_price",
    "property",
    "filter",
    "currency",
    "customer",
    "product_id",
    "subscription_id",
    "tax_rate",
)
DIGITS = 60
Arguments = Mapping[str, Any]


def declare(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{"name", "event_type", "unit_price", "property"?, "filter"?: {property: value}, "currency"?,
    "customer"?, "product_id"?, "subscription_id"?, "tax_rate"?} makes a price group, or changes the
    one of that name.

    The unit price is in the currency's smallest unit, for one event or one unit of the property,
    and the tax rate in percent; both as a number or, to keep every digit, as a text.
    """
    for name in arguments:
        if name not in ARGUMENTS:
            raise BadValue(name, arguments[name], f"an argument; known: {', '.join(ARGUMENTS)}")
    state: State = account.state
    group = _group(account, arguments, state)
    state.groups[group.name] = group
    return _shown(group)


def show(account: Account, arguments: Arguments, _: datetime) -> Json:
    """{} lists the price groups, in the order they were declared."""
    for name in arguments:
        raise BadValue(name, arguments[name], "an argument; there is none")
    return [_shown(group) for group in account.state.groups.values()]


def _group(account: Account, arguments: Arguments, state: State) -> Group:
    """The group that is declared. Raises BadValue, having done nothing."""
    name = _text(arguments, "name")
    told: dict[str, Any] = {
        "name": name,
        "event_type": _text(arguments, "event_type"),
        "unit_price": _number(arguments, "unit_price"),
        "currency": _currency(arguments),
        "property": _text(arguments, "property") if "property" in arguments else None,
        "customer": _customer(arguments, state),
        "filter": _filter(arguments),
        "tax_rate": _number(arguments, "tax_rate", "0"),
    }
    ids = {
        key: _text(arguments, key) if key in arguments else None
        for key in ("product_id", "subscription_id")
    }
    before = state.groups.get(name)
    return Group(
        id=before.id if before else account.id(14, "grp_"),
        product_id=ids["product_id"] or (before and before.product_id) or account.id(14, "itm_"),
        subscription_id=ids["subscription_id"]
        or (before and before.subscription_id)
        or account.id(14, "sub_"),
        **told,
    )


def _text(arguments: Arguments, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise BadValue(name, value, "a text of at least one character")
    return value


def _currency(arguments: Arguments) -> str:
    value = arguments.get("currency", "EUR")
    if not (isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper()):
        raise BadValue("currency", value, "an ISO code such as EUR")
    return value


def _customer(arguments: Arguments, state: State) -> str | None:
    asked = arguments.get("customer")
    if asked is None:
        return None
    known = state.known(asked) if isinstance(asked, str) else None
    if known is None:
        raise BadValue("customer", asked, "the id or external id of a customer")
    return str(known["id"])


def _filter(arguments: Arguments) -> dict[str, str]:
    given = arguments.get("filter") or {}
    simple = isinstance(given, Mapping) and all(
        isinstance(value, str | int | float) for value in given.values()
    )
    if not simple:
        raise BadValue("filter", given, "an object of texts, numbers and booleans")
    return {name: literal(value) for name, value in given.items()}


def _number(arguments: Arguments, name: str, default: Any = None) -> Decimal:
    value = arguments.get(name, default)
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > DIGITS or number < 0:
        raise BadValue(name, value, "a number, 0 or more, such as 0.5 or '0.5'")
    return number


def _shown(group: Group) -> Json:
    return {
        "id": group.id,
        "name": group.name,
        "event_type": group.event_type,
        "unit_price": plain(group.unit_price),
        "property": group.property,
        "filter": dict(group.filter),
        "currency": group.currency,
        "customer": group.customer,
        "product_id": group.product_id,
        "subscription_id": group.subscription_id,
        "tax_rate": plain(group.tax_rate),
    }
