"""Each event's story: the requests that brought it, and what the ledger says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import unquote

import orjson

from contracts.layout import Layout
from sandbox.account import Account
from sandbox.body import Unreadable, document
from sandbox.journal import Exchange
from sandbox.ledger import Entry
from sandbox.lint.usage import Usage, reader
from sandbox.reply import Usage as Billed

__all__ = ["Sight", "Story", "stories"]

AFTER = frozenset(
    {"status-after", "lost-reply", "reset-after", "late-reply"}
    | {"drip", "truncated", "wrong-length", "malformed", "empty"}
)
"""Faults after which the caller may not know whether a request was applied."""
LOST = frozenset({"lost-reply", "reset-after", "truncated", "wrong-length"})
"""Those after which it has no answer."""
THROTTLED = 429
PARTS = 64
"""Places at which a name is taken apart."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One event in one request."""

    exchange: Exchange
    usage: Usage

    @property
    def ambiguous(self) -> bool:
        """Applied, and the caller was perhaps not told."""
        return self.exchange.fault is not None and self.exchange.fault.kind in AFTER

    @property
    def unanswered(self) -> bool:
        """Applied, and the caller was not told."""
        fault = self.exchange.fault
        if fault is None:
            return False
        return fault.kind in LOST or (fault.kind == "status-after" and fault.status >= 500)

    @property
    def throttled(self) -> bool:
        return self.exchange.reply.status == THROTTLED

    @property
    def refused(self) -> bool:
        """Not applied."""
        return not self.ambiguous and not 100 <= self.exchange.reply.status < 400

    @property
    def failed(self) -> bool:
        """Whether who sent it has reason to send it again."""
        return self.ambiguous or self.refused

    @property
    def content(self) -> bytes:
        """All of the event but its key."""
        told = [self.usage.customer, self.usage.name, self.usage.time, dict(self.usage.fields)]
        return orjson.dumps(told, option=orjson.OPT_SORT_KEYS, default=str)

    @property
    def rules(self) -> set[str]:
        """The rules of what was found at this event, or at no event of the request."""
        mine = self.usage.path
        every, several, _ = mine.rpartition("[")
        return {
            found.rule
            for found in self.exchange.findings
            if not several or _within(found.path, mine) or not found.path.startswith(f"{every}[")
        }


@dataclass(slots=True)
class Story:
    """One event: each time it was sent, what the ledger says of it, and what it is `bills`ed as in
    the end. One without a key is known by what it says."""

    key: str | None
    sights: list[Sight] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    bills: list[Billed] = field(default_factory=list)

    @property
    def name(self) -> str:
        first = self.sights[0].usage
        return f"{self.key or 'one without a key'} ({first.name} of {first.customer})"

    @property
    def billed(self) -> bool:
        """Whether the vendor bills it in the end."""
        return bool(self.bills)

    @property
    def twice(self) -> bool:
        """Whether one meter counts it more than once."""
        return len(self.bills) > len({usage.meter for usage in self.bills})

    @property
    def rules(self) -> set[str]:
        """The rules that spoke of it: those of the ledger, and of the requests that brought it."""
        told = {entry.rule for entry in self.entries if entry.rule}
        return told.union(*(sight.rules for sight in self.sights))

    def again(self, sight: Sight) -> bool:
        """Whether it was sent once more after that."""
        return self.sights[-1].exchange.number > sight.exchange.number


def stories(account: Account, layouts: Sequence[Layout]) -> tuple[list[Story], list[Entry]]:
    """Every event that was sent, in order of first appearance; and what the ledger tells of events
    that are in no request that can be read."""
    told: dict[object, Story] = {}
    here: dict[int, _Brought] = {}
    for number, sight in enumerate(_sights(account, layouts)):
        story = told.setdefault(_identity(sight, number), Story(_key(sight.usage)))
        story.sights.append(sight)
        here.setdefault(sight.exchange.number, _Brought()).add(story)
    return list(told.values()), _entered(account, here)


def _entered(account: Account, here: Mapping[int, _Brought]) -> list[Entry]:
    """Give each story its entries and its bills; answers those of no story."""
    names: dict[str, Story] = {}
    strays = []
    for entry in account.ledger.entries():
        story, brought = names.get(entry.usage.event), here.get(entry.exchange)
        if story is None and brought is not None:
            story = brought.meant(entry.usage)
        if story is not None:
            story.entries.append(entry)
            if entry.usage.event:
                names[entry.usage.event] = story
        elif entry.exchange:  # without a request, a person did it, at the vendor's dashboard
            strays.append(entry)
    for name, bills in account.ledger.billed().items():
        if name in names:
            names[name].bills += bills
    return strays


class _Brought:
    """The events of one request, found by the names that the ledger has for them: their keys,
    names made of these, or its own where they have none."""

    def __init__(self) -> None:
        self._by_key: dict[str | None, list[Story]] = {}
        self._unnamed: dict[int, Story] = {}

    def add(self, story: Story) -> None:
        self._by_key.setdefault(story.key, []).append(story)
        self._unnamed[id(story)] = story

    def meant(self, usage: Billed) -> Story | None:
        """The event that is meant by a name that is new."""
        found = self._keyed(usage.event) or self._left(usage)
        if found is not None:
            self._unnamed.pop(id(found), None)
        return found

    def _keyed(self, name: str) -> Story | None:
        for head, key in _parts(name):
            found = self._by_key.get(key)
            if found:
                mine = (story for story in found if story.sights[0].usage.scope == head)
                return next(mine, found[0])
        return None

    def _left(self, usage: Billed) -> Story | None:
        """One that has no name yet, or no key; rather one of the same customer."""
        left = [*self._unnamed.values()] or self._by_key.get(None, [])
        same = (story for story in left if story.sights[0].usage.customer == usage.customer)
        return next(same, left[0] if left else None)


def _parts(name: str) -> Iterator[tuple[str | None, str]]:
    """What of a name may be the key, the longest first, and what it may be unique in: a name may
    begin with that, and end with what tells several of one key apart."""
    yield None, name
    for slash in islice(re.finditer("/", name), PARTS):
        yield unquote(name[: slash.start()]), name[slash.end() :]
    for mark in islice(re.finditer(r"[#:+]", name[::-1]), PARTS):
        yield None, name[: len(name) - mark.end()]


def _identity(sight: Sight, number: int) -> object:
    """What two sights of the same event have in common."""
    key, usage = _key(sight.usage), sight.usage
    if key is not None:
        return str(usage.scope), key
    return sight.content if usage.time is not None else number


def _key(usage: Usage) -> str | None:
    """An event's key as text, if it has one; 7 and 7.0 are the same number."""
    key = usage.key
    if key in (None, ""):
        return None
    return str(int(key)) if isinstance(key, float) and key.is_integer() else str(key)


def _within(path: str, where: str) -> bool:
    """Whether a path is another, or below it."""
    return path == where or path.startswith((f"{where}.", f"{where}["))


def _sights(account: Account, layouts: Sequence[Layout]) -> Iterator[Sight]:
    readers = {name: reader(layout) for layout in layouts for name in layout.endpoints}
    for exchange in account.journal.after(0):
        read = readers.get(exchange.endpoint or "")
        if read is not None:
            for usage in read(_body(exchange), exchange.id, 1, "$"):
                yield Sight(exchange, usage)


def _body(exchange: Exchange) -> Any:
    try:
        return document(exchange.request) if exchange.request.body else None
    except Unreadable:
        return None
    finally:
        exchange.request.parsed = None  # the journal keeps the bytes
