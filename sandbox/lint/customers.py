"""Customers: those that usage is of, and that nobody made known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contracts.layout import Layout
from contracts.model import Contract
from sandbox.lint import advice
from sandbox.lint.cause import SHOWN, Cause, Tally
from sandbox.lint.usage import Spot, Usage

__all__ = ["MOST", "Customers"]

MOST = 100_000
"""Customers that are told apart."""
LONGEST = 80
"""Characters of an id that are shown."""


class Customers:
    """Compares the customers of usage with those that are known, whichever come first; keeps hashes
    of 8 bytes, and of those with usage the beginning of the id and the first place."""

    def __init__(self, contract: Contract, layout: Layout, known: Iterable[str] = ()) -> None:
        self._rule = contract.rules.get(layout.unknown or "")
        self._field = layout.customer[0]
        self._known = set(map(hash, known))
        self._used: dict[int, tuple[Spot, int, str]] = {}
        self._passed_over = 0

    def know(self, id: str) -> None:
        """This customer is there."""
        if len(self._known) < MOST:
            self._known.add(hash(id))
        elif hash(id) not in self._known:
            self._passed_over += 1

    def see(self, usage: Usage) -> None:
        id = usage.customer
        if not isinstance(id, str) or not id:
            return
        hashed = hash(id)
        seen = self._used.get(hashed)
        if seen is not None:
            self._used[hashed] = (seen[0], seen[1] + 1, seen[2])
        elif len(self._used) < MOST:
            self._used[hashed] = (usage.place(self._field), 1, id[:LONGEST])
        else:
            self._passed_over += 1

    def unjudged(self) -> Iterator[str]:
        """What was not compared, in a sentence."""
        if self._used and not self._known:
            yield (
                "customers were not compared with any: nothing here makes one known, "
                "and no list was given with --customers"
            )
        elif self._passed_over:
            yield f"customers were not compared: there are more than {MOST:,}"

    def causes(self) -> Iterator[Cause]:
        """The customers of usage that are not known, if any are."""
        if not self._known or self._passed_over:
            return
        unknown = [seen for id, seen in self._used.items() if id not in self._known]
        if not unknown:
            return
        tally = Tally(
            sum(count for _, count, _ in unknown), [spot for spot, _, _ in unknown[:SHOWN]]
        )
        shown = ", ".join(repr(id) for _, _, id in unknown[:SHOWN])
        more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
        told = f"nothing makes {shown}{more} known, of {len(self._used):,} customers with usage"
        yield tally.cause(advice.read()["lint.customer.unknown"], told, self._rule)
