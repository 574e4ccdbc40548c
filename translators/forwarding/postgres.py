"""The outbox in PostgreSQL, for several forwarders on one database."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from operator import itemgetter
from typing import Any
from uuid import UUID, uuid4

from translators.forwarding import pgtables, record
from translators.forwarding.outbox import Delivery, OutboxFault, Position, customer
from translators.forwarding.pgstore import Address, Change, PgStore

__all__ = ["PostgresOutbox", "digest"]

LEASE = timedelta(seconds=60)
RENEWALS = 3
AT_ONCE = datetime.min.replace(tzinfo=UTC)
Key = tuple[UUID, int]
Row = tuple[Any, ...]


class PostgresOutbox:
    """Several forwarders share it; all of them keep the order of customers, or none.

    A claim is leased by the clock of the database, and renewed while its forwarder lives. Once it
    has lapsed another may claim the delivery, and what the first then puts is not taken. It lists
    no deliveries. The first use connects; `lease` is how long a claim outlives its forwarder.
    """

    poll: float | None = 1.0

    def __init__(self, url: str, *, lease: timedelta = LEASE) -> None:
        self._store = PgStore(Address(url))
        self._me = uuid4()
        self._lease = lease
        self._lanes: dict[tuple[str, str], UUID] = {}
        self._told: set[UUID] = set()
        self._held: set[Key] = set()
        self._renewer: asyncio.Task[None] | None = None

    def add(
        self,
        origin: str,
        vendors: Sequence[str],
        events: Sequence[Mapping[str, Any]],
        at: datetime,
        position: Position | None = None,
    ) -> None:
        if events and vendors:
            for vendor in vendors:
                self._tell(vendor, origin)
            values = {
                "accepted": at,
                "bodies": [record.document(event) for event in events],
                "customers": [digest(customer(event)) for event in events],
                "lanes": [self._lane(vendor, origin) for vendor in vendors],
            }
            self._store.do(Change(pgtables.ADD, values, events=len(events)))
        if position is not None:
            source = _bytes(position.source)
            place = {"place": digest(position.source), "source": source, "read": position.offset}
            self._store.do(Change(pgtables.POSITION, place))

    async def written(self) -> None:
        await self._store.written()

    async def position(self, source: str) -> int:
        return await self._store.one(pgtables.READ_TO, {"place": digest(source)}) or 0

    async def lanes(self) -> Sequence[tuple[str, str]]:
        found = await self._store.all(pgtables.LANES)
        return [(vendor, origin.decode("utf-8", "surrogatepass")) for vendor, origin in found]

    async def claim(
        self, vendor: str, origin: str, now: datetime, most: int, *, ordered: bool = False
    ) -> Sequence[Delivery]:
        lane = self._lane(vendor, origin)
        values = {"me": self._me, "lease": self._lease, "lane": lane, "now": now, "most": most}
        if ordered:
            rows = await self._in_order(lane, values)
        else:
            rows = self._new(lane, await self._store.all(pgtables.CLAIM, values))
        self._hold(lane, rows)
        return [_delivery(row, vendor, origin) for row in sorted(rows, key=itemgetter(0))]

    async def due(self, vendor: str, origin: str, *, ordered: bool = False) -> datetime | None:
        query = pgtables.DUE_IN_ORDER if ordered else pgtables.DUE
        values = {"lane": self._lane(vendor, origin), "at_once": AT_ONCE}
        found: datetime | None = await self._store.one(query, values)
        return found

    async def put(self, deliveries: Sequence[Delivery]) -> None:
        settled = [delivery for delivery in deliveries if delivery.settled]
        back = [delivery for delivery in deliveries if not delivery.settled]
        ends = ("at", "kind", "sent", "outcome")
        self._put(pgtables.SETTLE, settled, ends, [record.end(each) for each in settled])
        agains = ("due", "wait", "sent", "outcome")
        self._put(pgtables.PUT_BACK, back, agains, [record.again(each) for each in back])

    async def waiting(self) -> int:
        return int(await self._store.one("select count(*) from meterbox.waiting"))

    async def idle(self) -> bool:
        return not await self._store.one("select exists (select 1 from meterbox.waiting)")

    def forget(self, origin: str) -> None:
        lanes = {lane for (_, whose), lane in self._lanes.items() if whose == origin}
        self._held = {key for key in self._held if key[0] not in lanes}
        self._store.do(Change(pgtables.FORGET, {"origin": _bytes(origin)}))

    async def close(self) -> None:
        if self._renewer is not None:
            self._renewer.cancel()
            await asyncio.wait([self._renewer])
        if self._held:
            values = {"me": self._me, **_keys(self._held)}
            self._store.do(Change(pgtables.RELEASE, values))
        await self._store.close()

    async def renew(self) -> None:
        """Begin the leases of all claims anew. Raises OutboxFault."""
        if self._held:
            values = {"me": self._me, "lease": self._lease, **_keys(self._held)}
            async with self._store.asking() as db:
                await db.execute(pgtables.RENEW, values)

    def _new(self, lane: UUID, rows: Sequence[Row]) -> Sequence[Row]:
        """Without what was taken again from ourselves, after its lease had lapsed: whoever has it
        here keeps it."""
        return [row for row in rows if (lane, row[0]) not in self._held]

    async def _in_order(self, lane: UUID, values: dict[str, Any]) -> Sequence[Row]:
        """Claim what overtakes nothing."""
        async with self._store.asking() as db:
            rows = await (await db.execute(pgtables.IN_ORDER, values)).fetchall()
            new = self._new(lane, rows)
            numbers = [row[0] for row in new]
            if numbers and len(new) == len(rows):
                again = {**values, "numbers": numbers}
                found = await (await db.execute(pgtables.OVERTAKING, again)).fetchall()
                numbers = [number for (number,) in found]
            if numbers:
                back = {**values, **_keys([(lane, number) for number in numbers])}
                await db.execute(pgtables.RELEASE, back)
        return [row for row in new if row[0] not in numbers]

    def _put(
        self,
        statement: str,
        deliveries: Sequence[Delivery],
        names: Sequence[str],
        rows: Sequence[Row],
    ) -> None:
        if not deliveries:
            return
        keys = [(self._lane(each.vendor, each.origin), each.number) for each in deliveries]
        values = {
            "me": self._me,
            **_keys(keys),
            **dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)),
            "attempts": _tries(deliveries),
        }
        self._store.do(Change(statement, values, done=lambda: self._held.difference_update(keys)))

    def _hold(self, lane: UUID, rows: Sequence[Row]) -> None:
        self._held.update((lane, row[0]) for row in rows)
        if self._held and (self._renewer is None or self._renewer.done()):
            self._renewer = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        while self._held:
            await asyncio.sleep(self._lease.total_seconds() / RENEWALS)
            with suppress(OutboxFault):  # whoever asks next is told; there may be another try
                await self.renew()

    def _tell(self, vendor: str, origin: str) -> None:
        """Have the database know whose lane it is."""
        lane = self._lane(vendor, origin)
        if lane not in self._told:
            self._told.add(lane)
            values = {"lane": lane, "vendor": vendor, "origin": _bytes(origin)}
            self._store.first(Change(pgtables.LANE, values))

    def _lane(self, vendor: str, origin: str) -> UUID:
        lane = self._lanes.get((vendor, origin))
        if lane is None:
            lane = self._lanes[vendor, origin] = _lane_of(vendor, origin)
        return lane


def _lane_of(vendor: str, origin: str) -> UUID:
    """The same wherever it is asked, so that it need not be looked up."""
    return _uuid(_bytes(vendor) + b"\0" + _bytes(origin))


def _delivery(row: Row, vendor: str, origin: str) -> Delivery:
    number, accepted, body, sent, attempts, outcome, wait, due = row
    return Delivery(
        number,
        origin,
        vendor,
        record.event(body),
        accepted,
        sent=sent,
        attempts=record.tries(attempts),
        outcome=record.outcome(outcome),
        wait=timedelta(seconds=wait),
        due=due,
    )


def _keys(keys: Collection[Key]) -> dict[str, Any]:
    return {"lanes": [lane for lane, _ in keys], "numbers": [number for _, number in keys]}


def _tries(deliveries: Sequence[Delivery]) -> list[bytes | None]:
    """Those of one request are the same object, and large: they are turned to bytes once."""
    known: dict[int, bytes | None] = {}
    for delivery in deliveries:
        if id(delivery.attempts) not in known:
            known[id(delivery.attempts)] = record.tries_bytes(delivery.attempts)
    return [known[id(delivery.attempts)] for delivery in deliveries]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def digest(text: str | None) -> UUID | None:
    """A name of any length and with any characters, in as few bytes as an index likes."""
    return None if text is None else _uuid(_bytes(text))


def _uuid(raw: bytes) -> UUID:
    return UUID(bytes=sha256(raw).digest()[:16])
