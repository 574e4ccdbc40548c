"""Questions to a journal or a ledger, as the control API's query parameters put them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from contracts.model import BadValue, UnknownSetting
from sandbox.journal import Exchange, Journal
from sandbox.ledger import Entry, Ledger, Total

__all__ = ["entries", "exchanges", "limited", "seconds", "totals", "whole"]

Query = Mapping[str, str]
Item = TypeVar("Item")
PAGING = ("after", "limit", "wait")
OF_EXCHANGE = ("vendor", "endpoint", "method", "verdict", "rule", "status")
OF_ENTRY = ("customer", "meter", "outcome", "rule", "event")
MOST = 1_000
SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def exchanges(journal: Journal, after: int, query: Query) -> Iterator[tuple[int, Exchange]]:
    """Exchanges of a higher number that fit, with their numbers in this journal."""
    _known(query, (*OF_EXCHANGE, *PAGING))
    first = max(after, journal.dropped) + 1
    for number, exchange in enumerate(journal.after(after), first):
        if _fits(exchange, query):
            yield number, exchange


def entries(ledger: Ledger, query: Query) -> Iterator[Entry]:
    """Ledger entries that fit."""
    _known(query, (*OF_ENTRY, *PAGING))
    for entry in ledger.entries():
        told = {
            "customer": entry.usage.customer,
            "meter": entry.usage.meter,
            "event": entry.usage.event,
            "outcome": entry.outcome,
            "rule": entry.rule,
        }
        if all(query.get(name, value) == value for name, value in told.items()):
            yield entry


def totals(ledger: Ledger, query: Query) -> list[Total]:
    """Billed totals of the customer and meter asked for, or of all."""
    return [
        total
        for total in ledger.totals()
        if query.get("customer", total.customer) == total.customer
        and query.get("meter", total.meter) == total.meter
    ]


def limited(found: Iterable[Item], query: Query) -> Iterator[Item]:
    """At most as many as `limit` asks for, and never more than 1,000."""
    return islice(found, min(whole(query, "limit", MOST), MOST))


def whole(query: Query, name: str, default: int = 0) -> int:
    """A whole number of the query, 0 or more. Raises BadValue."""
    value = query.get(name, str(default))
    if not (value.isascii() and value.isdecimal() and len(value) <= 15):
        raise BadValue(name, value, "a whole number, 0 or more")
    return int(value)


def seconds(query: Query, name: str, most: float) -> float:
    """Seconds of the query, 0 where it has none; never more than `most`. Raises BadValue."""
    value = query.get(name, "0")
    if not SECONDS.fullmatch(value):
        raise BadValue(name, value, "a number of seconds, 0 or more")
    return min(float(value), most)


def _fits(exchange: Exchange, query: Query) -> bool:
    told = {
        "vendor": exchange.vendor,
        "endpoint": exchange.endpoint,
        "method": exchange.request.method,
        "verdict": exchange.verdict,
        "status": str(exchange.reply.status),
    }
    if any(query.get(name, value) != value for name, value in told.items()):
        return False
    rule = query.get("rule")
    return rule is None or any(found.rule == rule for found in exchange.findings)


def _known(query: Query, names: tuple[str, ...]) -> None:
    """A filter that does not exist must not look like one that found nothing."""
    for name in query:
        if name not in names:
            raise UnknownSetting(name, known=names)
