"""What ledgers come to, for views that show it again and again."""

from __future__ import annotations

import asyncio
from itertools import islice
from weakref import WeakKeyDictionary

from sandbox.account import Account
from sandbox.ledger import Ledger
from sandbox.tally import Tally

__all__ = ["CHUNK", "Tallies"]

CHUNK = 2_000
"""Entries that are read before others have a turn."""


class Tallies:
    """What ledgers come to, kept until they change: a large one takes a while to read."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Ledger, tuple[int, Tally]] = WeakKeyDictionary()

    async def of(self, of: Account) -> Tally:
        """What the account's ledger comes to now. Others have their turn while it is read."""
        of.elapse(of.clock.now())
        ledger = of.ledger
        changes, tally = self._kept.get(ledger, (-1, None))
        if tally is not None and changes == ledger.changes:
            return tally
        changes, tally = ledger.changes, Tally(of)
        tally.close()  # before others have a turn: totals and entries are of one moment
        entries = ledger.entries()
        while few := list(islice(entries, CHUNK)):
            tally.add(few)
            await asyncio.sleep(0)
        self._kept[ledger] = changes, tally
        return tally
