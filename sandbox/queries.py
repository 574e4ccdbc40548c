"""Questions to a journal or a ledger, as the control API's query parameters put them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice, takewhile
from typing import Generic, TypeVar, get_args

from contracts.model import BadValue, Contract, MeterboxError, UnknownSetting, did_you_mean
from sandbox.journal import Dropped, Exchange, Journal, Verdict
from sandbox.ledger import Entry, Ledger, Total
from sandbox.reply import Outcome
from sandbox.sieve import FILTERS, Numbered, sieve, sift

__all__ = ["Known", "Page", "check", "entries", "exchanges", "known", "seconds", "totals", "whole"]

Query = Mapping[str, str]
Item = TypeVar("Item")
Known = Mapping[str, Sequence[str]]
"""By parameter, the values there can be."""
PAGING = ("after", "limit", "last")
OF_ENTRY = ("customer", "meter", "outcome", "rule", "event")
MOST = 1_000
FEW = 20
AT_ONCE = 1_000
SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
STATUS = re.compile(r"0|[1-5][0-9]{2}")


class UnknownValue(MeterboxError):
    """A filter by what no exchange and no entry can have: it must not look like none was found."""

    def __init__(self, name: str, value: str, known: Sequence[str]) -> None:
        near = did_you_mean(value, known)
        listed = f" Known: {', '.join(known)}." if len(known) <= FEW else ""
        hint = f" Did you mean {near!r}?" if near else listed
        super().__init__(f"{name}: there is no {value!r}.{hint}")


class Gone(Dropped):
    """The ledger no longer lists what was asked for."""

    def __init__(self, count: int) -> None:
        MeterboxError.__init__(self, f"The ledger has dropped {count} entries; ask for later ones.")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list, numbered. After `next` there is `more` that fits, or nothing yet."""

    rows: list[tuple[int, Item]]
    next: int
    more: bool


def known(contracts: Iterable[Contract]) -> Known:
    """The values of filters that there can be with these vendors."""
    asked = list(contracts)
    return {
        "vendor": [contract.vendor for contract in asked],
        "endpoint": [endpoint.name for contract in asked for endpoint in contract.endpoints],
        "rule": [rule for contract in asked for rule in contract.rules],
        "verdict": get_args(Verdict),
        "outcome": get_args(Outcome),
    }


def exchanges(journal: Journal, query: Query, known: Known) -> Page[Exchange]:
    """Exchanges that fit. Raises Dropped where some of those asked for are gone."""
    check(query, known)
    after = whole(query, "after")
    later = journal.after(after)
    if "last" in query:
        return _last(journal, query)
    wanted, first = sieve(query), max(after, journal.dropped) + 1
    before = whole(query, "before", journal.next)
    numbered = takewhile(lambda row: row[0] < before, enumerate(later, first))
    found = ((number, exchange) for number, exchange in numbered if wanted(exchange))
    return _page(found, query, lambda: journal.next - 1)


def check(query: Query, known: Known) -> None:
    """Whether exchanges can be asked for so. Raises UnknownSetting, UnknownValue or BadValue."""
    _check(query, (*FILTERS, *PAGING, "before", "wait"), known)


def _last(journal: Journal, query: Query) -> Page[Exchange]:
    """The newest, looked for from the end: the past is long, and few of it are asked for."""
    if "limit" in query:
        raise BadValue("last", query["last"], "to be asked for together with limit")
    after = whole(query, "after")
    past = journal.before(whole(query, "before", journal.next))
    numbered = takewhile(lambda row: row[0] > after, past)
    most, fitting, rows = min(whole(query, "last"), MOST), sift(query), list[Numbered]()
    while len(rows) < most and (looked := list(islice(numbered, AT_ONCE))):
        rows += fitting(looked)
    return Page(rows[:most][::-1], journal.next - 1, False)


def entries(ledger: Ledger, query: Query, known: Known) -> Page[Entry]:
    """Ledger entries that fit; those dropped keep their numbers. Raises Dropped."""
    _check(query, (*OF_ENTRY, *PAGING), known)
    after = whole(query, "after")
    if 0 < after < ledger.dropped:
        raise Gone(ledger.dropped)
    numbers = count(ledger.dropped + 1)
    numbered = zip(ledger.entries(), numbers, strict=False)
    found = ((n, entry) for entry, n in numbered if n > after and _listed(entry, query))
    return _page(found, query, lambda: next(numbers) - 1)


def totals(ledger: Ledger, query: Query) -> list[Total]:
    """Billed totals of the customer and meter asked for, or of all."""
    return [
        total
        for total in ledger.totals()
        if query.get("customer", total.customer) == total.customer
        and query.get("meter", total.meter) == total.meter
    ]


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


def _page(found: Iterator[tuple[int, Item]], query: Query, newest: Callable[[], int]) -> Page[Item]:
    """The oldest `limit`, or the newest `last`, of what was found; never more than 1,000.

    `newest` is the number of the latest there is, once all were looked at.
    """
    if "last" in query:
        if "limit" in query:
            raise BadValue("last", query["last"], "to be asked for together with limit")
        rows = list(deque(found, maxlen=min(whole(query, "last"), MOST)))
        return Page(rows, newest(), False)
    rows = list(islice(found, min(whole(query, "limit", MOST), MOST)))
    if next(found, None) is None:
        return Page(rows, newest(), False)
    return Page(rows, rows[-1][0] if rows else whole(query, "after"), True)


def _listed(entry: Entry, query: Query) -> bool:
    told = {
        "customer": entry.usage.customer,
        "meter": entry.usage.meter,
        "event": entry.usage.event,
        "outcome": entry.outcome,
        "rule": entry.rule,
    }
    return all(query.get(name, value) == value for name, value in told.items())


def _check(query: Query, names: tuple[str, ...], known: Known) -> None:
    """A filter that does not exist must not look like one that found nothing."""
    for name, value in query.items():
        if name not in names:
            raise UnknownSetting(name, known=names)
        if name in known and value not in known[name]:
            raise UnknownValue(name, value, known[name])
        if name == "status" and not STATUS.fullmatch(value):
            raise BadValue(name, value, "a status from 100 to 599, or 0 where there was none")
