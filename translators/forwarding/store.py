"""A SQLite connection whose changes are made at once and written together."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from translators.forwarding.outbox import OutboxFault

__all__ = ["Store"]

LOG = logging.getLogger(__name__)
LINGER = 0.02
"""Seconds that what nobody waits for may stay unwritten; after a fault, fifty times that."""


class Store:
    """Whoever asks sees every change that was made, written or not.

    What cannot be written is kept for the next time, so that making a change never fails; asking
    and writing raise OutboxFault.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._changes: list[tuple[str, Sequence[tuple[Any, ...]]]] = []
        self._applied = 0
        self._flushed: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def do(self, change: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Change something, which is written with other changes soon."""
        if rows := list(rows):
            self._changes.append((change, rows))
            self._linger(LINGER)

    def all(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Every row that a query finds."""
        try:
            self._apply()
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as fault:
            raise self._undone(fault) from fault

    def one(self, query: str, values: tuple[Any, ...] = ()) -> Any:
        """The first value of the first row; None where there is no row."""
        rows = self.all(query, values)
        return rows[0][0] if rows else None

    @contextmanager
    def apart(self) -> Iterator[sqlite3.Connection]:
        """The connection for one transaction by itself, all or nothing. Raises OutboxFault."""
        self.flush()
        try:
            self._db.execute("begin immediate")
            yield self._db
            self._db.execute("commit")
        except sqlite3.Error as fault:
            raise OutboxFault(f"The outbox cannot be used: {fault}.") from fault
        finally:
            if self._db.in_transaction:
                self._db.execute("rollback")

    async def written(self) -> None:
        """Return once every change made so far is on disk. One commit serves all who wait."""
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

    def close(self) -> None:
        try:
            self.flush()
        finally:
            self._db.close()

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
        except Exception as fault:  # or whoever waits would do so for ever
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
