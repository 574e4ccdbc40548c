"""What Amberflo decides about records: plain functions over plain state.

It answers before it deduplicates, so nothing here refuses: each record ends in one of the
outcomes of `Ingestion`, and the caller is told the same in every case.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import Any

import orjson

from sandbox.amberflo.counting import Register
from sandbox.amberflo.likeness import Likeness
from sandbox.amberflo.reading import Reading
from sandbox.amberflo.records import (
    CANCEL,
    METADATA,
    Record,
    cancelled,
    has_meter,
    said,
)
from sandbox.reply import Usage

__all__ = ["Ingestion", "State", "digest", "ingest"]


@dataclass
class State:
    """What Amberflo keeps of one account.

    `names` is the digest of a whole record -> the name the ledger knows it by; `uses` counts the
    different records that came with one uniqueId. Deleted customers stay, with a deleteTime.
    `waiting` is customerId -> records of a customer that is not there, among those of others;
    `cancelled` holds the digests of records that were taken back, and `alike` the records that
    came, by the `likeness` that a cancellation may find them by, where a switch says so. `schemas`
    are the custom ingest schemas by id, and `declared` says how records of them are read. `kept`
    are all records that usage counts unless they were taken back, request by request; `register`
    holds the meters.
    """

    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[bytes, str] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, list[Sequence[Record]]] = field(default_factory=dict)
    cancelled: set[bytes] = field(default_factory=set)
    alike: dict[Hashable, list[Record]] = field(default_factory=dict)
    likeness: Likeness | None = None
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    declared: dict[str, Reading] = field(default_factory=dict)
    kept: list[Sequence[Record]] = field(default_factory=list)
    register: Register = field(default_factory=Register)

    def knows(self, id: str) -> bool:
        """Whether there is a customer of that id, which is not deleted."""
        customer = self.customers.get(id)
        return customer is not None and "deleteTime" not in customer

    def usage(self, record: Record) -> Usage:
        """A kept record's usage, by the name the ledger knows it by."""
        return self.register.usage(record, self.names[digest(record)])

    def counted(self) -> Iterator[Record]:
        """The records that usage counts, in the order they came: each once, none taken back."""
        return (record for _, record in self.numbered())

    def numbered(self) -> Iterator[tuple[int, Record]]:
        """These records, each with the number that it had among all when it came."""
        for number, record in enumerate(chain.from_iterable(self.kept)):
            if not self.cancelled or digest(record) not in self.cancelled:
                yield number, record

    def find_by(self, likeness: Likeness | None) -> None:
        """Know records by this likeness, those of before it was switched to among them."""
        if likeness is self.likeness:
            return
        self.likeness, self.alike = likeness, {}
        for record in self.counted() if likeness is not None else ():
            self.note(record)

    def note(self, record: Record) -> None:
        """Have a cancellation find this record by what it is like."""
        if self.likeness is not None:
            self.alike.setdefault(self.likeness(record), []).append(record)

    def keep(self, record: Record, mark: bytes) -> None:
        """Remember a record under its uniqueId, which different records may share."""
        unique = name = record.get("uniqueId") or mark.hex()
        # Other records of the same uniqueId are other events (rule amberflo.ingest.unique-id).
        while name in self.uses:
            self.uses[unique] += 1
            name = f"{unique}#{self.uses[unique]}"
        self.uses[name] = 1
        self.names[mark] = name

    def keep_all(self, records: Sequence[Record], marks: Sequence[bytes]) -> bool:
        """Remember records of which nothing is known yet, at once; False when something is."""
        named: list[str] = [record.get("uniqueId") or "" for record in records]
        if len(set(marks)) != len(marks) or len(set(named)) != len(named):
            return False
        known = not (self.names.keys().isdisjoint(marks) and self.uses.keys().isdisjoint(named))
        if known or not all(named):
            return False
        self.names.update(zip(marks, named, strict=True))
        self.uses.update(dict.fromkeys(named, 1))
        return True


@dataclass(slots=True)
class Ingestion:
    """What became of the records: each is in exactly one of these.

    `removed` are the records that a cancellation took back, not the cancellations themselves.
    `idle` cancellations found nothing and `meterless` records have no meter; both by position.
    `metadata` describes objects and counts for nothing (rule amberflo.ingest.metadata).
    """

    accepted: Sequence[Record] = field(default_factory=list)
    late: list[Record] = field(default_factory=list)
    duplicate: list[Record] = field(default_factory=list)
    removed: list[Record] = field(default_factory=list)
    idle: dict[int, Record] = field(default_factory=dict)
    meterless: dict[int, Record] = field(default_factory=dict)
    metadata: list[Record] = field(default_factory=list)


def ingest(
    records: Sequence[Record],
    state: State,
    oldest: int | None,
    likeness: Likeness | None = None,
) -> Ingestion:
    """Keep what is new, in the order of the request.

    `oldest` is the epoch millisecond before which usage is not billed, if there is one, and
    `likeness` what a cancellation finds its record by, where it need not be the same in all.
    """
    done = Ingestion()
    state.find_by(likeness)
    marks = [digest(record) for record in records]
    if likeness is None and _plain(records, oldest) and state.keep_all(records, marks):
        done.accepted = records
        return done
    done.accepted = accepted = []
    for position, (record, mark) in enumerate(zip(records, marks, strict=True)):
        if mark in state.names:
            done.duplicate.append(record)
            continue
        state.keep(record, mark)
        before = cancelled(record)
        if before is not None:
            _cancel(position, record, _earlier(before, state, likeness), state, done)
            continue
        state.note(record)
        if not _unbilled(position, record, oldest, done):
            accepted.append(record)
    return done


def _unbilled(position: int, record: Record, oldest: int | None, done: Ingestion) -> bool:
    """Whether a new record, which cancels nothing, bills nothing either; then it is noted."""
    if record.get("meterApiName") == METADATA:
        done.metadata.append(record)
    elif not has_meter(record):
        done.meterless[position] = record
    elif oldest is not None and record["meterTimeInMillis"] < oldest:
        done.late.append(record)
    else:
        return False
    return True


def _plain(records: Sequence[Record], oldest: int | None) -> bool:
    """Whether all of these bill if they are new, as nearly all requests do."""
    for record in records:
        if CANCEL in (record.get("dimensions") or ()) or record.get("meterValue") is None:
            return False
        if record.get("meterApiName") in (None, METADATA):
            return False
    return oldest is None or all(r["meterTimeInMillis"] >= oldest for r in records)


def _earlier(before: Record, state: State, likeness: Likeness | None) -> Record | None:
    """The record that a cancellation of `before` takes back: the same or, where there is none, the
    latest that is alike."""
    mark = digest(before)
    if mark in state.names:
        return None if mark in state.cancelled else before
    came = [] if likeness is None else state.alike.get(likeness(before), [])
    while came:
        record = came.pop()
        if digest(record) not in state.cancelled:
            return record
    return None


def _cancel(
    position: int, record: Record, earlier: Record | None, state: State, done: Ingestion
) -> None:
    if earlier is None:
        done.idle[position] = record
        return
    state.cancelled.add(digest(earlier))
    done.removed.append(earlier)


def digest(record: Record) -> bytes:
    """What makes a record the same as another: all that is kept of it (rule
    amberflo.ingest.duplicate). 1 and 1.0 are the same number."""
    value, at = record.get("meterValue"), record["meterTimeInMillis"]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        value = int(value)
    kept = (
        record.get("uniqueId"),
        record.get("customerId"),
        record.get("meterApiName"),
        value,
        int(at),
        said(record.get("dimensions")) or None,
    )
    return blake2b(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
