"""The tables of the outbox in SQLite, and what is asked of them."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from translators.forwarding.outbox import OutboxFault

__all__ = [
    "CLAIM",
    "DUE",
    "DUE_IN_ORDER",
    "EVENT",
    "FORMAT",
    "IN_ORDER",
    "LAST",
    "OF_ORIGIN",
    "ORDER",
    "POSITION",
    "PUT_BACK",
    "SETTLE",
    "TAKE",
    "WAIT",
    "WAITING",
    "WITHOUT",
    "connected",
    "locked",
]

FORMAT = 1
TABLES = """
create table if not exists lanes (
    lane integer primary key, vendor text not null, origin text not null, unique (vendor, origin)
);
create table if not exists events (
    number integer primary key, origin text not null, accepted text not null, body blob not null
);
create table if not exists waiting (
    lane integer not null, number integer not null, customer text, due text, wait real not null,
    sent integer not null, attempts blob, outcome blob, taken integer not null,
    primary key (lane, number)
) without rowid;
create table if not exists settled (
    lane integer not null, number integer not null, at text not null, kind text not null,
    sent integer not null, attempts blob, outcome blob not null, primary key (lane, number)
) without rowid;
create index if not exists dead on settled (lane, number) where kind = 'dead';
create table if not exists positions (source text primary key, read integer not null);
"""
EVENT = "insert into events values (?, ?, ?, ?)"
WAIT = "insert into waiting values (?, ?, ?, null, 0, 0, null, null, 0)"
POSITION = "insert or replace into positions values (?, ?)"
WAITING = (
    "select w.number, accepted, body, w.sent, w.attempts, w.outcome, w.wait, w.due"
    " from waiting w join events using (number) where w.lane = ?1"
)
CLAIM = f"{WAITING} and taken = 0 and (due is null or due <= ?2) order by w.number limit ?3"
# Left to choose, SQLite would walk through everything that came before, for each delivery.
IN_ORDER = f"""{WAITING} and taken = 0 and (due is null or due <= ?2) and not exists (
    select 1 from waiting e indexed by in_order where e.lane = w.lane and e.customer = w.customer
    and e.number < w.number and (e.taken <> 0 or e.due > ?2)) order by w.number limit ?3"""
TAKE = "update waiting set taken = ? where lane = ? and number = ?"
OPEN = "from waiting w where lane = ?2 and taken = 0"
DUE = f"""select coalesce(
    (select ?1 {OPEN} and due is null limit 1), (select min(due) {OPEN}))"""
DUE_IN_ORDER = f"""select min(coalesce(due, ?1)) {OPEN} and not exists (
    select 1 from waiting e where e.lane = w.lane and e.customer = w.customer
    and e.number < w.number)"""
ORDER = "create index if not exists in_order on waiting (lane, customer, number)"
PUT_BACK = (
    "update waiting set taken = 0, due = ?, wait = ?, sent = ?, outcome = ?, attempts = ?"
    " where lane = ? and number = ?"
)
SETTLE = (
    "insert or replace into settled (at, kind, sent, outcome, attempts, lane, number)"
    " select ?, ?, ?, ?, ?, lane, number from waiting where lane = ? and number = ?"
)
WITHOUT = "delete from waiting where lane = ? and number = ?"
LAST = (
    "select s.number, accepted, body, s.sent, s.attempts, s.outcome, 0.0, null"
    " from settled s join events using (number) where s.lane = ?1 order by s.number desc"
)
OF_ORIGIN = "(select lane from lanes where origin = ?)"


def connected(file: Path | None, patience: float) -> sqlite3.Connection:
    """A connection to a file, or to memory, with its tables; `patience` is how many seconds to wait
    for another program. Raises OutboxFault."""
    try:
        if file is None:
            db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
            db = sqlite3.connect(
                file, timeout=patience, isolation_level=None, check_same_thread=False
            )
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = full")
        (version,) = db.execute("pragma user_version").fetchone()
        if version not in (0, FORMAT):
            raise sqlite3.DatabaseError(f"its format is {version}, not {FORMAT}")
        db.executescript(TABLES)
        db.execute(f"pragma user_version = {FORMAT}")
    except (OSError, sqlite3.Error) as fault:
        raise OutboxFault(f"The outbox {file} cannot be used: {fault}.") from fault
    return db


def locked(file: Path) -> int | None:
    """Keep other forwarders from this file, until the descriptor is closed. Raises OutboxFault."""
    try:
        import fcntl
    except ImportError:
        return None  # Windows: whoever starts two forwarders on one file is not told
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(f"{file}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as fault:
        raise OutboxFault(f"The outbox {file} cannot be used: {fault}.") from fault
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        os.close(descriptor)
        raise OutboxFault(f"The outbox {file} is in use by another forwarder.") from fault
    return descriptor
