"""Whose usage it is: a record waits for its customer, which may come later (rules
amberflo.ingest.unknown-customer and amberflo.customer.attribution)."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.amberflo.counting import settled
from sandbox.amberflo.records import Record
from sandbox.amberflo.rules import State, digest
from sandbox.reply import Effects

__all__ = ["attributed", "credited"]


def credited(
    records: Sequence[Record], kept: Sequence[Record], state: State
) -> tuple[Effects, ...]:
    """What new records come to: billed usage, and usage that waits for its customer.

    `kept` holds the same records as they are to be kept.
    """
    named: set[str] = {record.get("customerId") or "" for record in records} - {""}
    unknown = {id for id in named if not state.knows(id)}
    if not unknown:
        return _effects(kept, (), state)
    waiting, known = kept, list[Record]()
    if not all(record.get("customerId") in unknown for record in records):
        known = [record for record in records if record.get("customerId") not in unknown]
        waiting = [record for record in records if record.get("customerId") in unknown]
    for id in unknown:
        state.waiting.setdefault(id, []).append(waiting)
    return _effects(known, waiting, state)


def attributed(state: State, id: str) -> tuple[Effects, ...]:
    """What a customer that is there from now on brings into the ledger: what waited for it."""
    records = [
        record
        for batch in state.waiting.pop(id, [])
        for record in batch
        if record.get("customerId") == id and digest(record) not in state.cancelled
    ]
    rule = "amberflo.customer.attribution"
    found = (Effects("accepted", records, rule, state.usage),) if records else ()
    return settled(found, state.register)[0]


def _effects(
    known: Sequence[Record], waiting: Sequence[Record], state: State
) -> tuple[Effects, ...]:
    rule = "amberflo.ingest.unknown-customer"
    both = (
        Effects("accepted", known, None, state.usage),
        Effects("unmatched", waiting, rule, state.usage),
    )
    return tuple(effects for effects in both if effects.items)
