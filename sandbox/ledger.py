"""Per account: what came in, what the vendor would bill, for whom, and why not.

Requests only append; entries and totals are worked out when somebody asks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice

from sandbox.metering import Aggregation, Number, aggregate, exact, plain
from sandbox.reply import Effects, Outcome, Usage

__all__ = ["BILLED", "Entry", "Ledger", "Total", "fate"]

BILLED = frozenset({"accepted", "updated"})
KEPT = 1_000_000

Billed = dict[str, tuple[Usage, ...]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One event's fate, as the ledger tells it.

    `exchange` is 0 where no request did it, but a person at the vendor's dashboard. `replaced` is
    what was billed for the event until then, where it took the place of one that came before.
    """

    exchange: int
    at: datetime
    outcome: Outcome
    usage: Usage
    rule: str | None
    replaced: tuple[Usage, ...] = ()


@dataclass(frozen=True, slots=True)
class Total:
    customer: str | None
    meter: str | None
    quantity: Number
    events: int


class Ledger:
    """`kept` bounds how many entries can be listed; totals stay exact beyond it."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._blocks: deque[tuple[int, datetime, Effects]] = deque()
        self._size = 0
        self._settled: Billed = {}  # what the blocks that were dropped came to
        self._billed: Billed | None = None
        self._folded = 0  # how many of the blocks are in _billed already
        self.dropped = 0
        self.changes = 0
        """Grows whenever the ledger may tell something else than before."""

    def record(self, exchange: int, at: datetime, effects: Effects) -> None:
        """Note what an exchange did to some events; 0 is none, but the dashboard."""
        self._blocks.append((exchange, at, effects))
        self._size += len(effects.items)
        self.changes += 1
        while self._size > self._kept and len(self._blocks) > 1:
            self._drop()

    def entries(self) -> Iterator[Entry]:
        """Every entry kept, oldest first."""
        billed = dict(self._settled)
        for exchange, at, effects in tuple(self._blocks):  # more may come meanwhile
            updates = effects.outcome == "updated"
            for item in effects.items:
                usages = effects.usages(item)
                replaced = billed.get(usages[0].event, ()) if updates else ()
                for usage in usages:
                    outcome, rule = fate(effects, usage)
                    yield Entry(exchange, at, outcome, usage, rule, replaced)
                _enter(usages, effects, billed)

    def newest(self, before: int | None = None) -> Iterator[tuple[int, Entry]]:
        """Every entry kept, newest first, with the number of its event; `before` leaves out those
        of that event and of later ones. What they replaced is not told: it came before them."""
        last = self.dropped + self._size
        end = last + 1 if before is None else before
        for exchange, at, effects in reversed(tuple(self._blocks)):
            first = last - len(effects.items) + 1
            numbered = list(enumerate(effects.items, first)) if first < end else []
            for number, item in reversed(numbered[: end - first]):
                for usage in effects.usages(item):
                    outcome, rule = fate(effects, usage)
                    yield number, Entry(exchange, at, outcome, usage, rule)
            last = first - 1

    def billed(self) -> Mapping[str, tuple[Usage, ...]]:
        """Event -> usage, for each event that the vendor would bill now.

        One accepted twice has the usage of both; removing or updating it is of all it has.
        """
        if self._billed is None:
            self._billed, self._folded = dict(self._settled), 0
        for _, _, effects in islice(self._blocks, self._folded, None):
            _fold(effects, self._billed)
        self._folded = len(self._blocks)
        return self._billed

    def recount(self) -> None:
        """Read every entry kept again: the vendor now counts it otherwise, or for another."""
        self._billed = None
        self.changes += 1

    def totals(self) -> list[Total]:
        """Billed usage by customer and meter, in order of first appearance. Sums are exact.

        What was dropped before a meter changed stays as it was counted, in a total of its own.
        """
        places: dict[tuple[str | None, str | None, Aggregation], list[Usage]] = {}
        for usages in self.billed().values():
            for usage in usages:
                place = usage.customer, usage.meter, usage.counts
                places.setdefault(place, []).append(usage)
        return [
            Total(customer, meter, plain(_quantity(usages)), len(usages))
            for (customer, meter, _), usages in places.items()
        ]

    def _drop(self) -> None:
        _, _, effects = self._blocks.popleft()
        _fold(effects, self._settled)
        if self._folded:
            self._folded -= 1
        else:
            self._billed = None  # it lacks the block that is gone
        self._size -= len(effects.items)
        self.dropped += len(effects.items)


def fate(effects: Effects, usage: Usage) -> tuple[Outcome, str | None]:
    """What became of an item as far as this usage goes, and by which rule."""
    if effects.outcome not in BILLED and not effects.open:
        return effects.outcome, effects.rule
    if usage.unbilled is not None:
        return "unmatched", usage.unbilled
    return ("accepted", None) if effects.open else (effects.outcome, effects.rule)


def _fold(effects: Effects, billed: Billed) -> None:
    """Enter into `billed` what these effects come to, on top of what came before."""
    if effects.outcome in BILLED or effects.outcome == "removed" or effects.open:
        for item in effects.items:
            _enter(effects.usages(item), effects, billed)


def _enter(usages: Sequence[Usage], effects: Effects, billed: Billed) -> None:
    """Enter one event's usages."""
    event = usages[0].event
    if effects.outcome in BILLED or effects.open:
        counted = tuple(usage for usage in usages if usage.unbilled is None)
        if effects.outcome != "updated" and event in billed:
            counted = (*billed[event], *counted)  # accepted twice is billed twice
        if counted:
            billed[event] = counted
        else:
            billed.pop(event, None)
    elif effects.outcome == "removed":
        billed.pop(event, None)


def _quantity(usages: Sequence[Usage]) -> Decimal:
    """What the usage of one customer and meter comes to."""
    how, least = usages[0].counts, usages[0].least
    total = aggregate(how, [u.value if how == "unique" else u.quantity for u in usages])
    return total if least is None else max(total, exact(least))
