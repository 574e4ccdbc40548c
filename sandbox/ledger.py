"""Per account: what came in, what the vendor would bill, for whom, and why not.

Requests only append; entries and totals are worked out when somebody asks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from itertools import islice

from sandbox.reply import Effects, Number, Outcome, Usage

__all__ = ["Entry", "Ledger", "Total"]

BILLED = frozenset({"accepted", "updated"})
KEPT = 1_000_000
EXACT = Context(prec=700)  # as many digits as sums of doubles can have


@dataclass(frozen=True, slots=True)
class Entry:
    """One event's fate, as the ledger tells it.

    `exchange` is 0 where no request did it, but a person at the vendor's dashboard.
    """

    exchange: int
    at: datetime
    outcome: Outcome
    usage: Usage
    rule: str | None


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
        self._folded = 0  # how many of the blocks are in _billed already
        self._billed: dict[str, Usage] = {}
        self.dropped = 0

    def record(self, exchange: int, at: datetime, effects: Effects) -> None:
        """Note what an exchange did to some events; 0 is none, but the dashboard."""
        self._blocks.append((exchange, at, effects))
        self._size += len(effects.items)
        while self._size > self._kept and len(self._blocks) > 1:
            self._drop()

    def entries(self) -> Iterator[Entry]:
        """Every entry kept, oldest first."""
        for exchange, at, effects in self._blocks:
            for item in effects.items:
                yield Entry(exchange, at, effects.outcome, effects.usage(item), effects.rule)

    def billed(self) -> dict[str, Usage]:
        """Event -> usage, for each event that the vendor would bill now."""
        for _, _, effects in islice(self._blocks, self._folded, None):
            self._fold(effects)
        self._folded = len(self._blocks)
        return self._billed

    def totals(self) -> list[Total]:
        """Billed usage by customer and meter, in order of first appearance. Sums are exact."""
        sums: dict[tuple[str | None, str | None], tuple[Decimal, int]] = {}
        for usage in self.billed().values():
            place = (usage.customer, usage.meter)
            quantity, events = sums.get(place, (Decimal(), 0))
            quantity = EXACT.add(quantity, Decimal(str(usage.quantity)))
            sums[place] = (quantity, events + 1)
        return [
            Total(*place, _plain(quantity), events) for place, (quantity, events) in sums.items()
        ]

    def _fold(self, effects: Effects) -> None:
        if effects.outcome in BILLED:
            for item in effects.items:
                usage = effects.usage(item)
                name = usage.event
                # Accepted twice is billed twice; only an update replaces.
                while effects.outcome == "accepted" and name in self._billed:
                    name += "+"
                self._billed[name] = usage
        elif effects.outcome == "removed":
            for item in effects.items:
                self._billed.pop(effects.usage(item).event, None)

    def _drop(self) -> None:
        self.billed()
        _, _, effects = self._blocks.popleft()
        self._folded -= 1
        self._size -= len(effects.items)
        self.dropped += len(effects.items)


def _plain(number: Decimal) -> Number:
    """A whole Decimal as an int if that fits 64 bits, as JSON's readers want; else as it is."""
    whole = number.to_integral_value()
    return int(whole) if number == whole and abs(whole) < 2**63 else number
