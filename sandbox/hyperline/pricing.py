"""What an event costs by the price groups declared: exact sums in a currency's smallest unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from sandbox.metering import exact, literal

__all__ = ["Asked", "Calculation", "Group", "Price", "priced", "uncounted"]

DIGITS = 1_000
PERCENT = Decimal(100)
WHOLE = Decimal(1)

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """A price group, which stands for a product's price in a subscription
    (rule hyperline.prices.declared).

    `unit_price` is for one event or, with a `property`, for one unit of that property; in the
    smallest unit of the currency, as all amounts. `customer` is the only one it is for, if any, and
    `filter` the values that an event's record must have, as literals.
    """

    id: str
    name: str
    event_type: str
    unit_price: Decimal
    currency: str
    product_id: str
    subscription_id: str
    property: str | None = None
    customer: str | None = None
    tax_rate: Decimal = Decimal(0)
    filter: Mapping[str, str] = field(default_factory=dict)

    def fits(self, event: Event, customer: str | None) -> bool:
        """Whether this group prices the event."""
        record = event["record"]
        return (
            self.event_type == event["event_type"]
            and self.customer in (None, customer)
            and all(n in record and literal(record[n]) == v for n, v in self.filter.items())
        )


@dataclass(frozen=True, slots=True)
class Price:
    """What one group makes of an event; `tax` comes on top of `amount`."""

    group: Group
    amount: Decimal
    tax: Decimal

    @property
    def total(self) -> Decimal:
        with localcontext(prec=DIGITS):
            return self.amount + self.tax


@dataclass(frozen=True, slots=True)
class Asked:
    """What a calculation was asked for: of one product or subscription, with tax or without."""

    product_id: str | None = None
    subscription_id: str | None = None
    include_tax: bool = False

    def takes(self, group: Group) -> bool:
        return self.product_id in (None, group.product_id) and self.subscription_id in (
            None,
            group.subscription_id,
        )


@dataclass(frozen=True, slots=True)
class Calculation:
    """The prices of one event, when they were calculated and for whom, if that was said."""

    id: str
    event: Event
    customer: str | None
    at: datetime
    prices: tuple[Price, ...]
    asked: Asked
    ingested: bool


def priced(
    event: Event, customer: str | None, groups: Iterable[Group], asked: Asked, *, whole: bool
) -> tuple[Price, ...]:
    """What each group makes of the event; `whole` rounds to the currency's smallest unit."""
    return tuple(
        _price(event, group, whole=whole)
        for group in groups
        if group.fits(event, customer) and asked.takes(group)
    )


def uncounted(event: Event, group: Group) -> bool:
    """Whether the event lacks the number that the group multiplies its price by."""
    return group.property is not None and _number(event, group.property) is None


def _price(event: Event, group: Group, *, whole: bool) -> Price:
    of = group.property
    units = Decimal(1) if of is None else _number(event, of) or Decimal(0)
    with localcontext(prec=DIGITS):
        amount = _rounded(group.unit_price * units, whole=whole)
        return Price(group, amount, _rounded(amount * group.tax_rate / PERCENT, whole=whole))


def _rounded(amount: Decimal, *, whole: bool) -> Decimal:
    """An amount by rule hyperline.prices.rounding."""
    return amount.quantize(WHOLE, ROUND_HALF_UP) if whole else amount


def _number(event: Event, property: str) -> Decimal | None:
    value = event["record"].get(property)
    counts = isinstance(value, int | float) and not isinstance(value, bool)
    return exact(value) if counts else None
