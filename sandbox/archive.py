"""The durable journal: SQLite in WAL mode, one row for each exchange and each act of control.

It is the database: on start, the accounts are rebuilt by applying it again. An exchange is on
disk before it is answered; those of one moment share a commit. Keys are in it as they came.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from contracts.model import MeterboxError
from sandbox.account import Account
from sandbox.faults import Fault
from sandbox.journal import Act, Exchange
from sandbox.reply import Request

__all__ = ["Archive", "ArchiveFault", "Kept"]

FORMAT = 1
TABLES = """
create table if not exists kept (
    number integer primary key, vendor text not null, key text not null, at text not null,
    act text, arguments blob,
    method text, path text, query blob, headers blob, body blob, fault blob,
    status integer, reply blob
)
"""
COLUMNS = (
    "vendor, key, at, act, arguments, method, path, query, headers, body, fault, status, reply"
)
INSERT = f"insert into kept ({COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class ArchiveFault(MeterboxError):
    """The data folder cannot be used."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One row: what came to which account, when, and what was answered."""

    vendor: str
    key: str
    at: datetime
    what: Request | Act
    fault: Fault | None
    status: int | None
    reply: bytes | None


class Archive:
    """Open with the data folder; raises ArchiveFault when it cannot be used.

    `ahead` is called before anything is written: what an exchange has set going must be safe before
    the exchange is, or it would be taken for done after a restart.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / "journal.sqlite3"
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(
                file, timeout=1, isolation_level=None, check_same_thread=False
            )
            self._open()
        except (OSError, sqlite3.Error) as fault:
            raise ArchiveFault(f"The data folder {folder} cannot be used: {fault}.") from fault
        self.ahead: Callable[[], None] = _nothing
        self._rows: list[tuple[Any, ...]] = []
        self._flushed: asyncio.Future[None] | None = None

    def _open(self) -> None:
        # One process owns a data folder; a second one would apply its own exchanges out of order.
        self._db.execute("pragma locking_mode = exclusive")
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.execute(TABLES)
        self._db.execute(f"select {COLUMNS} from kept limit 0")
        (version,) = self._db.execute("pragma user_version").fetchone()
        if version not in (0, FORMAT):
            raise sqlite3.DatabaseError(f"its format is {version}, not {FORMAT}")
        self._db.execute(f"pragma user_version = {FORMAT}")

    def exchange(self, account: Account, exchange: Exchange) -> None:
        """Take down an exchange; `written` tells when it is safe."""
        request, reply = exchange.request, exchange.reply
        headers = [[k.decode("latin-1"), v.decode("latin-1")] for k, v in request.headers.items()]
        asked = (request.method, request.path, request.query_string, orjson.dumps(headers))
        fault = orjson.dumps(asdict(exchange.fault)) if exchange.fault is not None else None
        self._rows.append(
            (account.vendor, account.key, exchange.at.isoformat(), None, None)
            + (*asked, request.body, fault, reply.status, reply.body)
        )

    def act(self, account: Account, at: datetime, act: Act) -> None:
        """Take down an act of control."""
        row = (account.vendor, account.key, at.isoformat(), act.name, orjson.dumps(act.arguments))
        self._rows.append(row + (None,) * 8)

    async def written(self) -> None:
        """Return once everything taken down so far is on disk. One commit serves all who wait."""
        if self._flushed is None:
            loop = asyncio.get_running_loop()
            self._flushed = loop.create_future()
            loop.call_soon(self._flush, self._flushed)
        # Shielded: who stops waiting must not take the commit from those who still do.
        await asyncio.shield(self._flushed)

    def _flush(self, flushed: asyncio.Future[None]) -> None:
        self._flushed = None
        try:
            self._commit()
        except (sqlite3.Error, MeterboxError) as fault:
            flushed.set_exception(ArchiveFault(f"The journal cannot be written: {fault}."))
        else:
            flushed.set_result(None)

    def _commit(self) -> None:
        """Write what was taken down; what cannot be written is kept for the next time."""
        self.ahead()
        with self._db:
            self._db.execute("begin")
            self._db.executemany(INSERT, self._rows)
        self._rows.clear()

    def kept(self) -> Iterator[Kept]:
        """Every row, in the order it happened. Raises ArchiveFault when one cannot be read."""
        try:
            yield from self._read()
        except (sqlite3.Error, ValueError) as fault:
            raise ArchiveFault(f"The data folder {self._folder} is damaged: {fault}.") from fault

    def _read(self) -> Iterator[Kept]:
        for row in self._db.execute(f"select {COLUMNS} from kept order by number"):
            vendor, key, at, act, arguments, *asked, fault, status, reply = row
            what = Act(act, orjson.loads(arguments)) if act else _request(*asked)
            struck = Fault(**orjson.loads(fault)) if fault else None
            yield Kept(vendor, key, datetime.fromisoformat(at), what, struck, status, reply)

    def close(self) -> None:
        if self._rows:
            self._commit()
        self._db.close()


def _nothing() -> None:
    """Nothing has to be safe first."""


def _request(method: str, path: str, query: bytes, headers: bytes, body: bytes) -> Request:
    pairs = {k.encode("latin-1"): v.encode("latin-1") for k, v in orjson.loads(headers)}
    return Request(method, path, query, pairs, body)
