"""The outbox in SQLite: a file in WAL mode with one forwarder at a time, or in memory."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from translators.forwarding import record
from translators.forwarding.outbox import Delivery, Position, customer
from translators.forwarding.outcome import Dead
from translators.forwarding.sqliteletters import OpenLetters
from translators.forwarding.store import Store
from translators.forwarding.tables import (
    CLAIM,
    DUE,
    DUE_IN_ORDER,
    EVENT,
    IN_ORDER,
    LAST,
    OF_ORIGIN,
    ORDER,
    POSITION,
    PUT_BACK,
    SETTLE,
    TAKE,
    WAIT,
    WAITING,
    WITHOUT,
    connected,
    locked,
)

__all__ = ["SqliteOutbox"]

KEPT = 10_000
PENDING = 20_000
AT_ONCE = "0001-01-01T00:00:00+00:00"


class SqliteOutbox:
    """One file, or memory when there is none, which is then bounded.

    A file keeps everything and has one forwarder at a time. Of an origin in memory at most `most`
    deliveries wait, another event is dead on arrival, and the last `kept` settled ones stay.
    Of a file's, `of` lists as many in each of an origin's lanes: those that are next, and the last.
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
        self._store = Store(connected(file, patience))
        self._bounds = (most, kept) if file is None else None
        self._listed = (f"{WAITING} order by w.number limit {most}", f"{LAST} limit {kept}")
        self._dropped: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        self._settled: dict[str, int] = {}
        self._indexed = False
        lanes = self._store.all("select vendor, origin, lane from lanes order by lane")
        self._lanes: dict[tuple[str, str], int] = {
            (vendor, origin): n for vendor, origin, n in lanes
        }
        self._store.do("update waiting set taken = 0 where taken <> ?", [(0,)])
        self._last: int = self._store.one("select coalesce(max(number), 0) from events")
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
        bodies = map(record.document, events)
        self._store.do(
            EVENT, [(n, origin, when, body) for n, body in zip(numbers, bodies, strict=True)]
        )
        owners = [customer(event) for event in events]
        for vendor in vendors:
            lane = self._lane(vendor, origin)
            self._store.do(WAIT, [(lane, n, who) for n, who in zip(numbers, owners, strict=True)])
        if position is not None:
            self._store.do(POSITION, [(position.source, position.offset)])
        if self._bounds is not None:
            self._refuse(origin, when, self._bounds[0], len(events) * len(vendors))

    async def written(self) -> None:
        await self._store.written()

    def flush(self) -> None:
        """Write at once what is not written."""
        self._store.flush()

    async def position(self, source: str) -> int:
        return self._store.one("select read from positions where source = ?", (source,)) or 0

    async def lanes(self) -> Sequence[tuple[str, str]]:
        query = "select vendor, origin from lanes where exists"
        return self._store.all(f"{query} (select 1 from waiting where waiting.lane = lanes.lane)")

    async def claim(
        self, vendor: str, origin: str, now: datetime, most: int, *, ordered: bool = False
    ) -> Sequence[Delivery]:
        lane = self._lane(vendor, origin)
        if ordered and not self._indexed:
            self.flush()
            self._store.all(ORDER)
            self._indexed = True
        query = IN_ORDER if ordered else CLAIM
        claimed = list(self._read(query, (lane, record.stamp(now), most), vendor, origin))
        if claimed:
            self._store.do(TAKE, [(1, lane, delivery.number) for delivery in claimed])
        return claimed

    async def due(self, vendor: str, origin: str, *, ordered: bool = False) -> datetime | None:
        query = DUE_IN_ORDER if ordered else DUE
        found = self._store.one(query, (AT_ONCE, self._lane(vendor, origin)))
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
        self._store.do(PUT_BACK, back)
        self._store.do(SETTLE, settled)
        self._store.do(WITHOUT, gone)
        if self._bounds is not None:
            ended = Counter(delivery.origin for delivery in deliveries if delivery.settled)
            for origin, count in ended.items():
                self._prune(origin, self._bounds[1], count)

    async def waiting(self) -> int:
        return int(self._store.one("select count(*) from waiting"))

    async def idle(self) -> bool:
        return not self._store.one("select exists (select 1 from waiting)")

    def forget(self, origin: str) -> None:
        for table in ("waiting", "settled"):
            self._store.do(f"delete from {table} where lane in {OF_ORIGIN}", [(origin,)])
        self._store.do("delete from events where origin = ?", [(origin,)])
        self._dropped.pop(origin, None)

    def of(self, origin: str) -> Sequence[Delivery]:
        found: list[Delivery] = []
        lanes = self._store.all(
            "select lane, vendor from lanes where origin = ? order by lane", (origin,)
        )
        for lane, vendor in lanes:
            for query in self._listed:
                found += self._read(query, (lane,), vendor, origin)
        return sorted(found, key=lambda delivery: delivery.number)

    def letters(self) -> OpenLetters:
        """What is settled here, to be tried again or let go of. Whoever has some wait again tells
        the forwarder to look."""
        if self._bounds is not None:
            # What waits again was not counted: there is counting to do when more is added.
            self._waiting = dict.fromkeys({of for _, of in self._lanes}, self._bounds[0])
        return OpenLetters(self._store)

    def dropped(self, origin: str) -> int:
        return self._dropped.get(origin, 0)

    async def close(self) -> None:
        try:
            self._store.close()
        finally:
            if self._lock is not None:
                os.close(self._lock)

    def _refuse(self, origin: str, when: str, most: int, added: int) -> None:
        """Settle those of an origin that are more than may wait: the newest."""
        self._waiting[origin] = self._waiting.get(origin, 0) + added
        if self._waiting[origin] <= most:
            return  # counted are those that came since it was last looked: never too few
        count = self._store.one(
            f"select count(*) from waiting where lane in {OF_ORIGIN}", (origin,)
        )
        self._waiting[origin] = min(count, most)
        if count <= most:
            return
        why = Dead(f"{most} deliveries are pending, the most there can be", "INTERNAL")
        newest = f"select lane, number from waiting where lane in {OF_ORIGIN} order by number desc"
        over = self._store.all(f"{newest}, lane desc limit ?", (origin, count - most))
        end = (when, record.kind(why), 0, record.outcome_bytes(why), None)
        self._store.do(SETTLE, [(*end, *key) for key in over])
        self._store.do(WITHOUT, over)

    def _prune(self, origin: str, kept: int, settled: int) -> None:
        """Let the oldest settled deliveries of an origin go, if there are a tenth too many."""
        self._settled[origin] = self._settled.get(origin, 0) + settled
        if self._settled[origin] <= kept + kept // 10:
            return
        count = self._store.one(
            f"select count(*) from settled where lane in {OF_ORIGIN}", (origin,)
        )
        self._settled[origin] = min(count, kept)
        if count <= kept:
            return
        oldest = (
            f"select lane, number from settled where lane in {OF_ORIGIN} order by number limit ?"
        )
        over = self._store.all(oldest, (origin, count - kept))
        self._store.do("delete from settled where lane = ? and number = ?", over)
        gone = "delete from events where number = ?1"
        for table in ("waiting", "settled"):
            held = f"select 1 from {table} where lane in {OF_ORIGIN}2 and number = ?1"
            gone += f" and not exists ({held})"
        self._store.do(gone.replace("?)2", "?2)"), [(number, origin) for _, number in over])
        self._dropped[origin] = self.dropped(origin) + len(over)

    def _read(
        self, query: str, values: tuple[Any, ...], vendor: str, origin: str
    ) -> Iterator[Delivery]:
        for number, accepted, body, sent, tries, outcome, wait, due in self._store.all(
            query, values
        ):
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
            self._store.do("insert into lanes values (?, ?, ?)", [(lane, vendor, origin)])
        return lane
