"""A run that was recorded: what was sent, how it was answered, and what is billed in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from contracts.layout import Layout
from contracts.model import Contract
from sandbox.account import Account
from sandbox.body import Unreadable, document
from sandbox.journal import Exchange
from sandbox.ledger import BILLED, Entry
from sandbox.lint.usage import Usage, reader
from sandbox.snapshot import Restored

__all__ = ["AFTER", "Recorded", "Run", "Sight", "Story"]

AFTER = frozenset(
    {"status-after", "lost-reply", "reset-after", "late-reply"}
    | {"drip", "truncated", "wrong-length", "malformed", "empty"}
)
"""Faults after which the caller does not know whether a request was applied."""
THROTTLED = 429


@dataclass(frozen=True, slots=True)
class Recorded:
    """An account of the run, and whether doing it again gave the answers it gave."""

    account: Account
    restored: Restored
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Sight:
    """One event in one request."""

    exchange: Exchange
    usage: Usage

    @property
    def ambiguous(self) -> bool:
        """Applied, and the caller was not told."""
        return self.exchange.fault is not None and self.exchange.fault.kind in AFTER

    @property
    def throttled(self) -> bool:
        return self.exchange.reply.status == THROTTLED

    @property
    def refused(self) -> bool:
        """Not applied."""
        return not self.ambiguous and not 100 <= self.exchange.reply.status < 400

    @property
    def content(self) -> bytes:
        """All of the event but its key."""
        told = [self.usage.customer, self.usage.name, self.usage.time, dict(self.usage.fields)]
        return orjson.dumps(told, option=orjson.OPT_SORT_KEYS, default=str)


@dataclass(slots=True)
class Story:
    """One event, by its key: each time it was sent, and what the ledger says of it."""

    key: str
    sights: list[Sight] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    @property
    def name(self) -> str:
        first = self.sights[0].usage
        return f"{self.key} ({first.name} of {first.customer})"

    @property
    def billed(self) -> bool:
        """Whether the vendor bills it in the end."""
        last = self.entries[-1] if self.entries else None
        every = (entry for entry in self.entries if entry.outcome in BILLED)
        return last is not None and last.outcome != "removed" and any(every)

    @property
    def twice(self) -> bool:
        """Whether one meter counts it more than once."""
        accepted = [entry.usage.meter for entry in self.entries if entry.outcome == "accepted"]
        undone = any(entry.outcome in ("removed", "updated") for entry in self.entries)
        return len(accepted) > len(set(accepted)) and not undone

    @property
    def rules(self) -> set[str]:
        """The rules that spoke of it: those of the ledger, and of the requests that brought it."""
        told = {entry.rule for entry in self.entries if entry.rule}
        return told | {found.rule for sight in self.sights for found in sight.exchange.findings}

    def again(self, sight: Sight) -> bool:
        """Whether it was sent once more after that."""
        return self.sights[-1].exchange.number > sight.exchange.number


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

    @cached_property
    def stories(self) -> list[Story]:
        """Every event that was sent, in order of first appearance."""
        return [story for one in self.recorded for story in self._stories(one.account)]

    @cached_property
    def rules(self) -> set[str]:
        """Rules that had something to say in the run."""
        told = {found.rule for exchange in self.exchanges for found in exchange.findings}
        told |= {e.rule for exchange in self.exchanges for e in exchange.effects if e.rule}
        entries = (entry for one in self.recorded for entry in one.account.ledger.entries())
        return told | {entry.rule for entry in entries if entry.rule}

    def _stories(self, account: Account) -> Iterator[Story]:
        stories: dict[str, Story] = {}
        of: dict[int, list[str]] = {}
        for sight in self._sights(account):
            key = _key(sight.usage)
            stories.setdefault(key, Story(str(sight.usage.key))).sights.append(sight)
            of.setdefault(sight.exchange.number, []).append(key)
        for entry in account.ledger.entries():
            known = _named(entry.usage.event, of.get(entry.exchange) or stories, stories)
            if known is not None:
                stories[known].entries.append(entry)
        yield from stories.values()

    def _sights(self, account: Account) -> Iterator[Sight]:
        readers = {
            name: reader(layout) for layout in self.contract.layouts for name in layout.endpoints
        }
        for exchange in account.journal.after(0):
            read = readers.get(exchange.endpoint or "")
            if read is None:
                continue
            for usage in read(_body(exchange), exchange.id, 1, "$"):
                if usage.key not in (None, ""):
                    yield Sight(exchange, usage)


def _key(usage: Usage) -> str:
    return str(usage.key) if usage.scope is None else f"{usage.scope}/{usage.key}"


def _named(event: str, here: Any, stories: Mapping[str, Story]) -> str | None:
    """Which event an identity of the ledger's is: the key, alone or behind what it is unique in."""
    if event in stories:
        return event
    return next((key for key in here if event.endswith(f"/{stories[key].key}")), None)


def _body(exchange: Exchange) -> Any:
    try:
        return document(exchange.request) if exchange.request.body else None
    except Unreadable:
        return None
    finally:
        exchange.request.parsed = None  # the journal keeps the bytes
