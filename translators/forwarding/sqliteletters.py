"""Dead letters and replay in an outbox in a SQLite file, while a forwarder may be at work on it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from translators.forwarding import record
from translators.forwarding.letters import PAGE, Kind, Letters, Way, Which
from translators.forwarding.outbox import Delivery, OutboxFault, customer
from translators.forwarding.store import Store
from translators.forwarding.tables import FORMAT

__all__ = ["OpenLetters", "SqliteLetters"]

PATIENCE = 10.0
"""Seconds to wait for a forwarder, which is never at it for long."""
PAGES = """
select s.number, accepted, body, s.sent, s.attempts, s.outcome
from settled s join events using (number) where s.lane = :lane and s.number > :after"""
OF_KIND = {"dead": "kind = 'dead'", "delivered": "kind = 'delivered'", "over": "kind <> 'dead'"}
CONDITIONS = {
    "numbers": "s.number in (select value from json_each(:numbers))",
    "since": "accepted >= :since",
    "until": "accepted < :until",
    "before": "s.at < :before",
}
AGAIN = """
insert or ignore into waiting
select lane, number, ?, null, 0, ?, null, null, 0 from settled where lane = ? and number = ?"""
GONE = "delete from settled where lane = ? and number = ?"
OF_OTHERS = "select 1 from lanes l join {} o on o.lane = l.lane and o.number = ?1 where origin = ?2"
UNUSED = f"""
delete from events where number = ?1 and not exists ({OF_OTHERS.format("waiting")})
and not exists ({OF_OTHERS.format("settled")})"""


class SqliteLetters(Letters):
    """In a file that is there. Raises OutboxFault when it is not, or is no outbox."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise OutboxFault(f"There is no outbox at {file}.")
        self._file = file
        self._db = sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._db.close()

    def _check(self) -> None:
        try:
            self._db.execute("pragma synchronous = full")
            (version,) = self._db.execute("pragma user_version").fetchone()
        except sqlite3.Error as fault:
            raise OutboxFault(f"The outbox {self._file} cannot be used: {fault}.") from fault
        if version != FORMAT:
            raise OutboxFault(f"{self._file} is no outbox, or one of another version of meterbox.")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("begin immediate")
            yield
            self._db.execute("commit")
        except sqlite3.Error as fault:
            raise OutboxFault(f"The outbox {self._file} cannot be used: {fault}.") from fault
        finally:
            if self._db.in_transaction:
                self._db.execute("rollback")

    def _all_ways(self) -> Sequence[Way]:
        with self._transaction():
            return [Way(*row) for row in self._db.execute("select lane, vendor, origin from lanes")]

    def _page(self, kind: Kind, way: Way, which: Which, after: int) -> Sequence[Delivery]:
        given = {name: value for name in CONDITIONS if (value := getattr(which, name)) is not None}
        where = "".join(f" and {CONDITIONS[name]}" for name in given)
        query = f"{PAGES} and {OF_KIND[kind]}{where} order by s.number limit {PAGE}"
        values = {"lane": way.lane, "after": after}
        found = self._db.execute(query, values | {n: _value(v) for n, v in given.items()})
        return [_delivery(row, way) for row in found]

    def _again(self, way: Way, page: Sequence[Delivery], *, afresh: bool) -> int:
        rows = [
            (customer(each.event), 0 if afresh else each.sent, way.lane, each.number)
            for each in page
        ]
        done = self._db.executemany(AGAIN, rows).rowcount
        self._db.executemany(GONE, [row[2:] for row in rows])
        return done

    def _gone(self, way: Way, page: Sequence[Delivery]) -> int:
        done = self._db.executemany(GONE, [(way.lane, each.number) for each in page]).rowcount
        self._db.executemany(UNUSED, [(each.number, way.origin) for each in page])
        return done


class OpenLetters(SqliteLetters):
    """Of an outbox that is open here, in a file or in memory; to close it is its owner's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def close(self) -> None:
        """There is nothing to close."""

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._store.apart() as self._db:
            yield


def _value(value: Any) -> Any:
    return record.stamp(value) if isinstance(value, datetime) else json.dumps(value)


def _delivery(row: tuple[Any, ...], way: Way) -> Delivery:
    number, accepted, body, sent, attempts, outcome = row
    return Delivery(
        number,
        way.origin,
        way.vendor,
        record.event(body),
        datetime.fromisoformat(accepted),
        sent=sent,
        attempts=record.tries(attempts),
        outcome=record.outcome(outcome),
    )
