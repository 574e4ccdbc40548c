"""A run that was recorded: what was sent, how it was answered, and what is billed in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from contracts.layout import Layout
from contracts.model import Contract
from sandbox.account import Account
from sandbox.coverage import coverage
from sandbox.journal import Dropped, Exchange
from sandbox.ledger import Entry
from sandbox.readiness.stories import Story, stories
from sandbox.reports.model import Coverage
from sandbox.snapshot import Restored

__all__ = ["Recorded", "Run"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An account of the run, and whether doing it again gave the answers it gave."""

    account: Account
    restored: Restored

    @property
    def whole(self) -> bool:
        """Whether all that came to the account is still known."""
        try:
            next(self.account.journal.whole(), None)
        except Dropped:
            return False
        return True


@dataclass(frozen=True)
class Run:
    """What was recorded of one vendor, account by account."""

    contract: Contract
    recorded: Sequence[Recorded]

    @property
    def layout(self) -> Layout | None:
        """Where usage stands in the bodies that were sent; the first where there are several."""
        return self.contract.layouts[0] if self.contract.layouts else None

    @property
    def exchanges(self) -> Iterator[Exchange]:
        return (e for one in self.recorded for e in one.account.journal.after(0))

    @property
    def stories(self) -> list[Story]:
        """Every event that was sent, in order of first appearance."""
        return [story for told, _ in self._told for story in told]

    @property
    def strays(self) -> list[Entry]:
        """What the ledgers tell of events that no request brought, as far as they can be read."""
        return [entry for _, strays in self._told for entry in strays]

    @cached_property
    def _told(self) -> list[tuple[list[Story], list[Entry]]]:
        return [stories(one.account, self.contract.layouts) for one in self.recorded]

    @cached_property
    def rules(self) -> set[str]:
        """Rules that had something to say in the run."""
        told = {found.rule for exchange in self.exchanges for found in exchange.findings}
        told |= {e.rule for exchange in self.exchanges for e in exchange.effects if e.rule}
        entries = (entry for one in self.recorded for entry in one.account.ledger.entries())
        return told | {entry.rule for entry in entries if entry.rule}

    @cached_property
    def coverage(self) -> list[Coverage]:
        """What of the contract was exercised."""
        return coverage(self.contract, [one.account for one in self.recorded])
