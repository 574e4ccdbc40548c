"""What Amberflo decides about records: plain functions over plain state.

It answers before it deduplicates, so nothing here refuses: each record ends in one of the
outcomes of `Ingestion`, and the caller is told the same in every case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from sandbox.amberflo.records import Record, cancelled, customer
from sandbox.reply import Usage

__all__ = ["Ingestion", "State", "ingest"]


@dataclass
class State:
    """What Amberflo keeps of one account.

    `names` is the digest of a whole record -> the name the ledger knows it by; `uses` counts the
    different records that came with one uniqueId. Deleted customers stay, with a deleteTime.
    """

    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[bytes, str] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)

    def usage(self, record: Record) -> Usage:
        """A kept record bills its value under its meter (rule amberflo.ledger.quantity)."""
        name = self.names[digest(record)]
        value = record.get("meterValue")
        return Usage(name, customer(record), record.get("meterApiName"), value or 0)

    def keep(self, record: Record, mark: bytes) -> None:
        """Remember a record under its uniqueId, which different records may share."""
        unique = name = record.get("uniqueId") or mark.hex()
        # Other records of the same uniqueId are other events (rule amberflo.ingest.unique-id).
        while name in self.uses:
            self.uses[unique] += 1
            name = f"{unique}#{self.uses[unique]}"
        self.uses[name] = 1
        self.names[mark] = name


@dataclass(slots=True)
class Ingestion:
    """What became of the records: each is in exactly one of these.

    `removed` are the records that a cancellation took back, not the cancellations themselves.
    `idle` cancellations found nothing and `meterless` records have no meter; both by position.
    """

    accepted: list[Record] = field(default_factory=list)
    late: list[Record] = field(default_factory=list)
    duplicate: list[Record] = field(default_factory=list)
    removed: list[Record] = field(default_factory=list)
    idle: dict[int, Record] = field(default_factory=dict)
    meterless: dict[int, Record] = field(default_factory=dict)


def ingest(records: Sequence[Record], state: State, oldest: int | None) -> Ingestion:
    """Keep what is new, in the order of the request.

    `oldest` is the epoch millisecond before which usage is not billed, if there is one.
    """
    done = Ingestion()
    for position, record in enumerate(records):
        mark = digest(record)
        if mark in state.names:
            done.duplicate.append(record)
            continue
        state.keep(record, mark)
        before = cancelled(record)
        if before is not None:
            _cancel(position, record, before, state, done)
        elif record.get("meterApiName") is None or record.get("meterValue") is None:
            done.meterless[position] = record
        elif oldest is not None and record["meterTimeInMillis"] < oldest:
            done.late.append(record)
        else:
            done.accepted.append(record)
    return done


def _cancel(position: int, record: Record, before: Record, state: State, done: Ingestion) -> None:
    if digest(before) in state.names:
        done.removed.append(before)
    else:
        done.idle[position] = record


def digest(record: Record) -> bytes:
    """What makes a record the same as another: all that is kept of it (rule
    amberflo.ingest.duplicate). 1 and 1.0 are the same number."""
    value = record.get("meterValue")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        value = int(value)
    kept = (
        record.get("uniqueId"),
        record.get("customerId"),
        record.get("meterApiName"),
        value,
        int(record["meterTimeInMillis"]),
        record.get("dimensions") or None,
    )
    return blake2b(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
