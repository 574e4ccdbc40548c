"""Why a bill is not what a test expects: what comes closest, and why the rest is not on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from contracts.model import BadValue
from sandbox.testing.exchanges import Exchange
from sandbox.testing.report import broken

if TYPE_CHECKING:
    from sandbox.testing.account import VendorAccount

__all__ = ["Books", "Number", "Wanted", "difference", "exact"]

Number = int | float | Decimal
Wanted = tuple[str, str, Decimal]
"""Customer, meter, quantity."""
BILLED = frozenset({"accepted", "updated"})
MOST = 8
NEAR = 0.6


@dataclass(frozen=True)
class Books:
    """The totals and the entries of a ledger, as the control API tells them, and the requests
    that broke a rule."""

    totals: Sequence[Mapping[str, Any]]
    entries: Sequence[Mapping[str, Any]]
    refused: Sequence[Exchange]


def exact(quantity: Number | str) -> Decimal:
    """As it is written: 0.1 is a tenth. Raises BadValue."""
    try:
        found = Decimal(str(quantity))
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite() or isinstance(quantity, bool):
        raise BadValue("quantity", quantity, "a number")
    return found


def difference(account: VendorAccount, books: Books | None, wanted: Wanted) -> str:
    """In lines: what was expected, what is billed, and why not the rest. Without books, no
    request came."""
    customer, meter, quantity = wanted
    title = account.contract.title
    if books is None:
        return (
            f"No request came to {title} with this test's key, so it bills nothing. Does the "
            f"client have {account.vendor}.base_url and {account.vendor}.api_key?\n"
            f"  base_url {account.base_url}"
        )
    billed = sum((exact(t["quantity"]) for t in books.totals if _same(t, wanted)), Decimal())
    lines = [
        f"{title} bills {billed or 'no'} {meter!r} to {customer!r}, not {quantity}.",
        *_near(books, wanted),
        *_unbilled(account, books, wanted),
        *_refused(account, books),
    ]
    return "\n".join(lines)


def _same(total: Mapping[str, Any], wanted: Wanted) -> bool:
    return (total["customer"], total["meter"]) == wanted[:2]


def _near(books: Books, wanted: Wanted) -> Iterator[str]:
    """What comes closest, where the customer and the meter are not there, and what differs."""
    found = [total for total in books.totals if _same(total, wanted)]
    if found:
        yield from _made_of(books, wanted)
        return
    if not books.totals:
        yield "  Nothing is billed on this account."
        return
    best = max(books.totals, key=lambda total: _likeness(total, wanted))
    yield f"  Closest   {best['quantity']} {best['meter']!r} to {best['customer']!r}"
    for name, value in zip(("customer", "meter", "quantity"), wanted, strict=True):
        differs = exact(best[name]) != value if name == "quantity" else best[name] != value
        if differs:
            shown = str(value) if name == "quantity" else repr(value)
            is_ = best[name] if name == "quantity" else repr(best[name])
            yield f"  differs   {name}: is {is_}, expected {shown}"


def _made_of(books: Books, wanted: Wanted) -> Iterator[str]:
    """The events that the bill is made of."""
    entries = [e for e in books.entries if e["outcome"] in BILLED and _same(e, wanted)]
    for entry in entries[:MOST]:
        yield f"  billed    {entry['quantity']} for event {entry['event']!r}, {entry['exchange']}"
    if len(entries) > MOST:
        yield f"  billed    {len(entries) - MOST} more events"


def _likeness(total: Mapping[str, Any], wanted: Wanted) -> float:
    alike = sum(
        SequenceMatcher(None, str(total[name]), value).ratio()
        for name, value in zip(("customer", "meter"), wanted[:2], strict=True)
    )
    return alike + (0.5 if exact(total["quantity"]) == wanted[2] else 0.0)


def _unbilled(account: VendorAccount, books: Books, wanted: Wanted) -> Iterator[str]:
    """Events that came and are not billed, each with the rule; those asked for first."""
    refused = {exchange.id for exchange in books.refused if exchange.blind("verdict") == "refused"}
    later = {entry["event"] for entry in books.entries if entry["outcome"] in BILLED}
    found = [
        entry
        for entry in books.entries
        if entry["outcome"] not in BILLED
        and entry["exchange"] not in refused
        # What waited for its customer is billed once that is there.
        and not (entry["outcome"] == "unmatched" and entry["event"] in later)
    ]
    found.sort(key=lambda entry: not _same(entry, wanted))
    explained: set[str] = set()
    for entry in found[:MOST]:
        what = f"{entry['quantity']} {entry['meter']!r} to {entry['customer']!r}"
        fate = f"event {entry['event']!r}: {entry['outcome']} by {entry['rule']}"
        yield f"  not billed  {what}, {fate}"
        rule = account.rules.get(entry["rule"] or "")
        if rule is not None and rule.id not in explained:
            explained.add(rule.id)
            yield f"      {rule.sentence}"
            yield f"      source  {rule.source} ({rule.confidence})"
    if len(found) > MOST:
        yield f"  not billed  {len(found) - MOST} more events"


def _refused(account: VendorAccount, books: Books) -> Iterator[str]:
    for exchange in books.refused[:2]:
        verdict = exchange.blind("verdict")
        yield f"  {verdict}  {exchange.method} {exchange.path}, answered {exchange.blind('status')}"
        yield from broken(account, exchange)
    if len(books.refused) > 2:
        yield f"  And {len(books.refused) - 2} more requests broke a rule."
