"""The outbox in SQLite: a file in WAL mode with one forwarder at a time, or in memory."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from translators.forwarding import record
from translators.forwarding.outbox import Delivery, OutboxFault, Position, customer
from translators.forwarding.outcome import Dead
from translators.forwarding.tables import (
    CLAIM,
    DUE,
    DUE_IN_ORDER,
    EVENT,
    IN_ORDER,
    OF_ORIGIN,
    ORDER,
    POSITION,
    PUT_BACK,
    SETTLE,
    SETTLED,
    TAKE,
    WAIT,
    WAITING,
    WITHOUT,
    connected,
    locked,
)

__all__ = ["SqliteOutbox"]

LOG = logging.getLogger(__name__)
KEPT = 10_000
PENDING = 20_000
LINGER = 0.02
"""Seconds that what nobody waits for may stay unwritten; after a fault, fifty times that."""
AT_ONCE = "0001-01-01T00:00:00+00:00"


class SqliteOutbox:
    """One file, or memory when there is none, which is then bounded.

    A file keeps everything and has one forwarder at a time. Of an origin in memory at most `most`
    deliveries wait, another event is dead on arrival, and the last `kept` settled ones stay.
    What cannot be written is kept for the next time; another program on the same file is waited
    for with `patience`, in seconds.
    """

    def __init__(
        self,
        file: Path | None = None,
        *,
        most: int = PENDING,
        kept: int = KEPT,
        patience: float = 5,
    ) -> None:
        self.poll = None if file is None else 1.0
        self._lock = None if file is None else locked(file)
        self._db = connected(file, patience)
        self._bounds = (most, kept) if file is None else None
        self._dropped: dict[str, int] = {}
        lanes = self._db.execute("select vendor, origin, lane from lanes order by lane")
        self._lanes: dict[tuple[str, str], int] = {
            (vendor, origin): n for vendor, origin, n in lanes
        }
        self._changes: list[tuple[str, Sequence[tuple[Any, ...]]]] = []
        self._applied, self._indexed = 0, False
        self._flushed: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._do("update waiting set taken = 0 where taken <> ?", [(0,)])
        self._last: int = self._one("select coalesce(max(number), 0) from events")
        self.flush()

    def add(
        self,
        origin: str,
        vendors: Sequence[str],
        events: Sequence[Mapping[str, Any]],
        at: datetime,
        position: Position | None = None,
    ) -> None:
        when, first = record.stamp(at), self._last + 1
        self._last += len(events)
        numbers = range(first, self._last + 1)
        bodies = map(record.event_bytes, events)
        self._do(EVENT, [(n, origin, when, body) for n, body in zip(numbers, bodies, strict=True)])
        owners = [customer(event) for event in events]
        for vendor in vendors:
            lane = self._lane(vendor, origin)
            self._do(WAIT, [(lane, n, who) for n, who in zip(numbers, owners, strict=True)])
        if position is not None:
            self._do(POSITION, [(position.source, position.offset)])
        if self._bounds is not None:
            self._refuse(origin, when, self._bounds[0])

    async def written(self) -> None:
        if not self._changes:
            return
        if self._flushed is None:
            loop = asyncio.get_running_loop()
            self._flushed = loop.create_future()
            loop.call_soon(self._flush, self._flushed)
        # Shielded: who stops waiting must not take the commit from those who still do.
        await asyncio.shield(self._flushed)

    def flush(self) -> None:
        """Write at once what is not written."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            self._apply()
            if self._db.in_transaction:
                self._db.execute("commit")
        except sqlite3.Error as fault:
            raise self._undone(fault) from fault
        self._changes.clear()
        self._applied = 0

    async def position(self, source: str) -> int:
        return self._one("select read from positions where source = ?", (source,)) or 0

    async def lanes(self) -> Sequence[tuple[str, str]]:
        query = "select vendor, origin from lanes where exists"
        return self._all(f"{query} (select 1 from waiting where waiting.lane = lanes.lane)")

    async def claim(
        self, vendor: str, origin: str, now: datetime, most: int, *, ordered: bool = False
    ) -> Sequence[Delivery]:
        lane = self._lane(vendor, origin)
        if ordered and not self._indexed:
            self.flush()
            self._all(ORDER)
            self._indexed = True
        query = IN_ORDER if ordered else CLAIM
        claimed = list(self._read(query, (lane, record.stamp(now), most), vendor, origin))
        if claimed:
            self._do(TAKE, [(1, lane, delivery.number) for delivery in claimed])
        return claimed

    async def due(self, vendor: str, origin: str, *, ordered: bool = False) -> datetime | None:
        query = DUE_IN_ORDER if ordered else DUE
        found = self._one(query, (AT_ONCE, self._lane(vendor, origin)))
        return None if found is None else datetime.fromisoformat(found)

    async def put(self, deliveries: Sequence[Delivery]) -> None:
        settled, back, gone = [], [], []
        attempts: Any = None
        tries: bytes | None = None  # those of one request have the same, and it is large
        for delivery in deliveries:
            if attempts is not delivery.attempts:
                attempts, tries = delivery.attempts, record.tries_bytes(delivery.attempts)
            key = (self._lane(delivery.vendor, delivery.origin), delivery.number)
            if delivery.settled:
                settled.append((*record.end(delivery), tries, *key))
                gone.append(key)
            else:
                back.append((*record.again(delivery), tries, *key))
        self._do(PUT_BACK, back)
        self._do(SETTLE, settled)
        self._do(WITHOUT, gone)
        if self._bounds is not None:
            for origin in {delivery.origin for delivery in deliveries if delivery.settled}:
                self._prune(origin, self._bounds[1])

    async def waiting(self) -> int:
        return int(self._one("select count(*) from waiting"))

    async def idle(self) -> bool:
        return not self._one("select exists (select 1 from waiting)")

    def forget(self, origin: str) -> None:
        for table in ("waiting", "settled"):
            self._do(f"delete from {table} where lane in {OF_ORIGIN}", [(origin,)])
        self._do("delete from events where origin = ?", [(origin,)])
        self._dropped.pop(origin, None)

    def of(self, origin: str) -> Sequence[Delivery]:
        found: list[Delivery] = []
        lanes = self._all(
            "select lane, vendor from lanes where origin = ? order by lane", (origin,)
        )
        for lane, vendor in lanes:
            for query in (WAITING, SETTLED):
                found += self._read(query, (lane,), vendor, origin)
        return sorted(found, key=lambda delivery: delivery.number)

    def dropped(self, origin: str) -> int:
        return self._dropped.get(origin, 0)

    async def close(self) -> None:
        self.flush()
        self._db.close()
        if self._lock is not None:
            os.close(self._lock)

    def _refuse(self, origin: str, when: str, most: int) -> None:
        """Settle those of an origin that are more than may wait: the newest."""
        count = self._one(f"select count(*) from waiting where lane in {OF_ORIGIN}", (origin,))
        if count <= most:
            return
        why = Dead(f"{most} deliveries are pending, the most there can be", "INTERNAL")
        newest = f"select lane, number from waiting where lane in {OF_ORIGIN} order by number desc"
        over = self._all(f"{newest}, lane desc limit ?", (origin, count - most))
        end = (when, record.kind(why), 0, record.outcome_bytes(why), None)
        self._do(SETTLE, [(*end, *key) for key in over])
        self._do(WITHOUT, over)

    def _prune(self, origin: str, kept: int) -> None:
        """Let the oldest settled deliveries of an origin go, if there are too many."""
        count = self._one(f"select count(*) from settled where lane in {OF_ORIGIN}", (origin,))
        if count <= kept:
            return
        oldest = (
            f"select lane, number from settled where lane in {OF_ORIGIN} order by number limit ?"
        )
        over = self._all(oldest, (origin, count - kept))
        self._do("delete from settled where lane = ? and number = ?", over)
        left = "select 1 from waiting w where w.number = ?1 union all select 1 from settled s"
        events = f"delete from events where number = ?1 and not exists ({left} where s.number = ?1)"
        self._do(events, [(number,) for _, number in over])
        self._dropped[origin] = self.dropped(origin) + len(over)

    def _read(
        self, query: str, values: tuple[Any, ...], vendor: str, origin: str
    ) -> Iterator[Delivery]:
        for number, accepted, body, sent, tries, outcome, wait, due in self._all(query, values):
            yield Delivery(
                number,
                origin,
                vendor,
                record.event(body),
                datetime.fromisoformat(accepted),
                sent=sent,
                attempts=record.tries(tries),
                outcome=record.outcome(outcome),
                wait=timedelta(seconds=wait),
                due=None if due is None else datetime.fromisoformat(due),
            )

    def _lane(self, vendor: str, origin: str) -> int:
        lane = self._lanes.get((vendor, origin))
        if lane is None:
            lane = self._lanes[vendor, origin] = len(self._lanes) + 1
            self._do("insert into lanes values (?, ?, ?)", [(lane, vendor, origin)])
        return lane

    def _one(self, query: str, values: tuple[Any, ...] = ()) -> Any:
        rows = self._all(query, values)
        return rows[0][0] if rows else None

    def _all(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """What a query finds, with every change that was made."""
        try:
            self._apply()
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as fault:
            raise self._undone(fault) from fault

    def _do(self, change: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Change something, which is written with other changes soon."""
        if rows := list(rows):
            self._changes.append((change, rows))
            self._linger(LINGER)

    def _apply(self) -> None:
        if self._applied == len(self._changes):
            return
        if not self._db.in_transaction:
            self._db.execute("begin immediate")
        for change, rows in self._changes[self._applied :]:
            self._db.executemany(change, rows)
        self._applied = len(self._changes)

    def _undone(self, fault: sqlite3.Error) -> OutboxFault:
        """What could not be written is tried again with the next that is."""
        if self._db.in_transaction:
            self._db.execute("rollback")
        self._applied = 0
        self._linger(50 * LINGER)
        return OutboxFault(f"The outbox cannot be used: {fault}.")

    def _flush(self, flushed: asyncio.Future[None]) -> None:
        self._flushed = None
        try:
            self.flush()
        except OutboxFault as fault:
            flushed.set_exception(fault)
        else:
            flushed.set_result(None)

    def _linger(self, seconds: float) -> None:
        if self._timer is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # nobody runs yet: the next that is written takes it along
            self._timer = loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        try:
            self.flush()
        except OutboxFault as fault:
            LOG.error("%s", fault)
