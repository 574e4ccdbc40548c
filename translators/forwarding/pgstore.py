"""A PostgreSQL connection whose changes are written together, and that comes back when lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from translators.forwarding.outbox import OutboxFault
from translators.forwarding.pgtables import CREATE, FORMAT, NUMBERS

__all__ = ["Address", "Change", "PgStore"]

LOG = logging.getLogger(__name__)
LINGER = 0.02
"""Seconds that what nobody waits for may stay unwritten; after a fault, fifty times that."""
PATIENCE = 30.0
"""Seconds after which a server that says nothing is given up."""
SETTINGS: dict[str, str | int | None] = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "tcp_user_timeout": "20000",
    "application_name": "meterbox",
}
LOCK = 0x6D65746572
# A few are claimed in the order of their key: nothing is gained by finding all that wait first.
IN_PLACE = "set enable_bitmapscan = off; set enable_sort = off; set jit = off"
DURABLE = """
select set_config('synchronous_commit', 'on', false)
where current_setting('synchronous_commit') = 'off'"""

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class Address:
    """Where a database is. `shown` has no password, and `safe` takes it out of a text."""

    def __init__(self, url: str) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.Error:
            # Its text may quote what it could not read, and that may be the password.
            raise OutboxFault(
                "The URL of the outbox cannot be read. It is of the form"
                " postgresql://user:password@host:port/database."
            ) from None
        self.conninfo = make_conninfo("", **(SETTINGS | given | {"client_encoding": "utf8"}))
        self._password = str(given.get("password") or "")
        user = f"{given['user']}@" if "user" in given else ""
        port = f":{given['port']}" if "port" in given else ""
        self.shown = f"postgresql://{user}{given.get('host', '')}{port}/{given.get('dbname', '')}"

    def fault(self, fault: Exception) -> OutboxFault:
        """What went wrong with the database, in one line."""
        lines = [line.strip() for line in str(fault).splitlines()] or [type(fault).__name__]
        if isinstance(fault, psycopg.OperationalError):  # all of it, but for what it asks us
            lines = [" ".join(line for line in lines if not line.endswith("?"))]
        told = lines[0]
        if self._password:
            told = told.replace(self._password, "***")
        return OutboxFault(f"The outbox {self.shown} cannot be used: {told.strip().rstrip('.')}.")


@dataclass
class Change:
    """Something to be written. `events` is how many numbers it wants for them as `numbers`;
    `done` is called once it is written."""

    statement: str
    values: dict[str, Any]
    events: int = 0
    done: Callable[[], None] = field(default=lambda: None)


class PgStore:
    """Whoever asks sees every change that was made here. One question is asked at a time.

    What cannot be written is kept for the next time, so that making a change never fails; asking
    and writing raise OutboxFault, until the database is there again.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._db: Connection | None = None
        self._lock = asyncio.Lock()
        self._changes: list[Change] = []
        self._first: list[Change] = []
        self._next: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def do(self, change: Change) -> None:
        """Change something, which is written with other changes soon."""
        self._changes.append(change)
        self._linger(LINGER)

    def first(self, change: Change) -> None:
        """Have something written before the next change, on its own: it may stay without it."""
        self._first.append(change)

    async def all(self, query: str, values: dict[str, Any] | None = None) -> list[Any]:
        """Every row that a query finds."""
        async with self._alone() as db:
            return await (await db.execute(query, values)).fetchall()

    async def one(self, query: str, values: dict[str, Any] | None = None) -> Any:
        """The first value of the first row; None where there is no row."""
        rows = await self.all(query, values)
        return rows[0][0] if rows else None

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Connection]:
        """The connection, inside a transaction of its own, after every change so far."""
        async with self._alone() as db, db.transaction():
            yield db

    async def written(self) -> None:
        """Return once every change made so far is on disk. One commit serves all who wait."""
        if not self._changes:
            return
        if self._next is None:
            self._next = asyncio.create_task(self._write())
            self._next.add_done_callback(_looked_at)
        # Shielded: who stops waiting must not take the commit from those who still do.
        await asyncio.shield(self._next)

    async def close(self) -> None:
        """Write what is not written, and close in any case."""
        if self._timer is not None:
            self._timer.cancel()
        if self._next is not None:
            await asyncio.wait([self._next])
        try:
            if self._changes:
                await self._write()
        finally:
            db, self._db = self._db, None
            if db is not None:
                await db.close()

    async def _write(self) -> None:
        async with self._alone(self._begin):
            pass

    def _begin(self) -> None:
        self._next = None  # what is changed from here on is for the next commit

    @asynccontextmanager
    async def _alone(self, begin: Callable[[], None] = lambda: None) -> AsyncIterator[Connection]:
        async with self._lock:
            begin()
            try:
                async with asyncio.timeout(PATIENCE):
                    db = await self._connected()
                    await self._flush(db)
                    yield db
            except BaseException as fault:
                await self._lost()
                if isinstance(fault, psycopg.Error | TimeoutError | OSError):
                    raise self._address.fault(fault) from fault
                raise

    async def _flush(self, db: Connection) -> None:
        while self._first:
            await db.execute(self._first[0].statement, self._first[0].values)
            del self._first[0]
        if not (changes := list(self._changes)):
            return
        await self._number(db, [change for change in changes if change.events])
        async with db.pipeline(), db.transaction():
            for change in changes:
                await db.execute(change.statement, change.values)
        del self._changes[: len(changes)]
        for change in changes:
            change.done()

    async def _number(self, db: Connection, changes: list[Change]) -> None:
        """Number events before they are written: what is written again is then the same."""
        new = [change for change in changes if "numbers" not in change.values]
        if not new:
            return
        count = {"count": sum(change.events for change in new)}
        found = await (await db.execute(NUMBERS, count)).fetchall()
        numbers = iter(found)
        for change in new:
            change.values["numbers"] = [next(numbers)[0] for _ in range(change.events)]

    async def _connected(self) -> Connection:
        if self._db is not None and not self._db.closed:
            return self._db
        self._db = db = await psycopg.AsyncConnection.connect(
            self._address.conninfo, autocommit=True
        )
        # What is claimed hangs on reading again what another has just committed.
        await db.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED)
        await db.execute("set timezone = 'UTC'")
        await db.execute(DURABLE)
        await db.execute(IN_PLACE)
        await _with_tables(db)
        return db

    async def _lost(self) -> None:
        """After a fault a new connection is made: nobody knows what state the old one is in."""
        self._linger(50 * LINGER)
        db, self._db = self._db, None
        if db is not None:
            await db.close()

    def _linger(self, seconds: float) -> None:
        if self._timer is None and self._changes:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # nobody runs yet: the next that is written takes it along
            self._timer = loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        if self._changes and self._next is None:
            self._next = asyncio.create_task(self._write())
            self._next.add_done_callback(_told)


async def _with_tables(db: Connection) -> None:
    """Have the tables, made by one of all who come at once. Raises psycopg.Error."""
    async with db.transaction():
        await db.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        found = await (await db.execute("select to_regclass('meterbox.format')")).fetchone()
        if found == (None,):
            await db.execute(CREATE)
            return
        row = await (await db.execute("select version from meterbox.format")).fetchone()
    if row != (FORMAT,):
        raise psycopg.DataError(f"its format is {row[0] if row else None}, not {FORMAT}")


def _looked_at(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # told to those who wait, if anybody still does


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        LOG.error("%s", task.exception())
