"""Every exchange of one account, in order: bounded, awaitable, honest about what it dropped."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal
from weakref import ref

from contracts.model import MeterboxError, Violation
from sandbox.faults import Fault
from sandbox.reply import Effects, Reply, Request

__all__ = ["Act", "Dropped", "Exchange", "Feed", "Journal", "Noted", "Verdict"]

Verdict = Literal["accepted", "not billed", "refused", "answered", "fault"]
BILLED = ("accepted", "updated")
KEPT = 10_000
PAST = 1_000_000
KEPT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Act:
    """Something done through the control API: a name and its arguments."""

    name: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class Noted:
    """An act, when it was done, and the number of the exchange that came next."""

    act: Act
    at: datetime
    before: int


class Dropped(MeterboxError):
    """The journal no longer holds what was asked for; an assertion over it would be worthless."""

    def __init__(self, count: int) -> None:
        super().__init__(f"The journal has dropped {count} exchanges; ask for later ones.")


@dataclass(slots=True, weakref_slot=True)
class Exchange:
    """One request, the vendor's answer and what became of its events.

    `vendor` and `account` (a handle, never the key) with `number` make the id.
    """

    number: int
    vendor: str
    account: str
    at: datetime
    endpoint: str | None
    request: Request
    reply: Reply
    effects: tuple[Effects, ...]
    findings: tuple[Violation, ...]
    fault: Fault | None = None

    @property
    def id(self) -> str:
        return f"{self.vendor}-{self.account}-{self.number}"

    @property
    def verdict(self) -> Verdict:
        """One word: what a person wants to know first."""
        if self.fault is not None and self.fault.kind in ("status", "status-after", "reset"):
            return "fault"
        if self.reply.status >= 400 or self.reply.refuses:
            return "refused"
        if not self.effects:
            return "answered"
        for effects in self.effects:  # quicker than `all`, and a search asks it of all there are
            if effects.outcome not in BILLED:
                return "not billed"
        return "accepted"


class Journal:
    """`kept` exchanges at most, and `kept_bytes` of bodies; older ones are dropped and counted."""

    def __init__(self, kept: int = KEPT, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept, self._kept_bytes = kept, kept_bytes
        self._exchanges: deque[Exchange] = deque()
        self._bytes = 0
        self._appended: asyncio.Event | None = None
        self.closed = False
        self.dropped = 0
        self._acts: list[Noted] = []
        self._begun = 0

    @property
    def next(self) -> int:
        """The number the next exchange gets."""
        return self.dropped + len(self._exchanges) + 1

    def append(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)
        self._bytes += len(exchange.request.body) + len(exchange.reply.body)
        while len(self._exchanges) > self._kept or self._bytes > self._kept_bytes:
            if len(self._exchanges) == 1:
                break
            self._drop()
        self._wake()

    def _drop(self) -> Exchange:
        oldest = self._exchanges.popleft()
        self._bytes -= len(oldest.request.body) + len(oldest.reply.body)
        self.dropped += 1
        return oldest

    def note(self, at: datetime, act: str, arguments: Any) -> None:
        """An act of control, between two exchanges."""
        if len(self._acts) < self._kept:
            self._acts.append(Noted(Act(act, arguments), at, self.next))
        else:
            self._begun -= 1  # it is whole no more

    def whole(self) -> Iterator[Exchange | Noted]:
        """Every exchange and every act since it was cleared, in order. Raises Dropped."""
        if self.dropped > self._begun:
            raise Dropped(self.dropped - self._begun)
        acts = deque(self._acts)
        for exchange in self._exchanges:
            while acts and acts[0].before <= exchange.number:
                yield acts.popleft()
            yield exchange
        yield from acts

    def clear(self) -> None:
        """Drop everything; numbers go on, so that an id never means two exchanges."""
        self.dropped += len(self._exchanges)
        self._begun = self.dropped
        self._exchanges.clear()
        self._acts.clear()
        self._bytes = 0
        self._wake()

    def close(self) -> None:
        """Let nobody wait any more."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        if self._appended is not None:
            self._appended.set()
            self._appended = None

    def get(self, number: int) -> Exchange | None:
        """The exchange of that number; None when there never was one. Raises Dropped."""
        if 0 < number <= self.dropped:
            raise Dropped(self.dropped)
        place = number - self.dropped - 1
        return self._exchanges[place] if 0 <= place < len(self._exchanges) else None

    def after(self, number: int) -> Iterator[Exchange]:
        """Exchanges with a higher number, oldest first. Raises Dropped when some are gone."""
        if number < self.dropped and number > 0:
            raise Dropped(self.dropped)
        return islice(self._exchanges, max(0, number - self.dropped), None)

    def before(self, number: int) -> Iterator[tuple[int, Exchange]]:
        """Exchanges with a lower number, newest first, each with its own."""
        first = min(number, self.next) - 1
        newest = islice(reversed(self._exchanges), self.next - 1 - first, None)
        return zip(range(first, self.dropped, -1), newest, strict=False)

    async def appended(self, timeout: float) -> bool:
        """Wait for the next exchange, at most `timeout` seconds; False when none came, or the
        server is leaving."""
        if self.closed:
            return False
        if self._appended is None:
            self._appended = asyncio.Event()
        try:
            await asyncio.wait_for(self._appended.wait(), timeout)
        except TimeoutError:
            return False
        return not self.closed


class Feed(Journal):
    """Exchanges of all accounts. Of those that it drops itself, `before` still tells what the
    accounts keep, so that nothing is kept for its sake."""

    def __init__(self, past: int = PAST) -> None:
        super().__init__()
        self._past: deque[ref[Exchange]] = deque(maxlen=past)

    def before(self, number: int) -> Iterator[tuple[int, Exchange]]:
        yield from super().before(number)
        skipped = max(0, self.dropped - number + 1)
        for n, kept in enumerate(islice(reversed(self._past), skipped, None), skipped):
            exchange = kept()
            if exchange is not None:
                yield self.dropped - n, exchange

    def _drop(self) -> Exchange:
        oldest = super()._drop()
        self._past.append(ref(oldest))
        return oldest
