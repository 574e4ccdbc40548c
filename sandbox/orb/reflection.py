"""What a backfill does to the usage that is billed, when it is reflected and when it is undone.

Time alone brings both about: they are worked out when somebody next asks, as of when they were
due (rules orb.backfill.reflected and orb.backfill.revert).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.orb.force import in_force, reached
from sandbox.orb.happenings import Happening
from sandbox.orb.store import Backfill, Version
from sandbox.reply import Effects, Usage

if TYPE_CHECKING:
    from sandbox.orb.state import State

__all__ = ["due", "named", "settled", "shown"]

Event = dict[str, Any]
Told = tuple[datetime, Effects]


def shown(backfill: Backfill) -> dict[str, Any]:
    """A backfill as Orb shows it."""
    reverted = backfill.reverted_at
    return {
        "id": backfill.id,
        "status": backfill.status,
        "created_at": backfill.created_at.isoformat(),
        "timeframe_start": backfill.start.isoformat(),
        "timeframe_end": backfill.end.isoformat(),
        "events_ingested": backfill.events,
        "close_time": backfill.close_time.isoformat(),
        "reverted_at": reverted.isoformat() if reverted is not None else None,
        "customer_id": backfill.customer_id,
        "replace_existing_events": backfill.replace,
        "deprecation_filter": backfill.filter,
    }


def settled(state: State, settings: Mapping[str, Any], now: datetime) -> list[Told]:
    """Carry out all that was due by now, in the order it fell due."""
    told: list[Told] = []
    takes = settings["orb.backfill.reflection-time"]
    while True:
        waiting = [
            (at, backfill)
            for backfill in state.store.backfills.values()
            if (at := due(backfill, takes)) is not None and at <= now
        ]
        if not waiting:
            return told
        at, backfill = min(waiting, key=lambda one: one[0])
        waits = settings["orb.ingest.unknown-external-customer"] == "unmatched"
        change = _reflected if backfill.status == "pending" else _reverted
        told += [(at, effects) for effects in change(backfill, state, at, waits)]


def due(backfill: Backfill, takes: timedelta) -> datetime | None:
    """When the change under way is done; None when none is."""
    if backfill.status == "pending":
        return backfill.close_time + takes
    return backfill.due if backfill.status == "pending_revert" else None


def _reflected(backfill: Backfill, state: State, at: datetime, waits: bool) -> Iterator[Effects]:
    affected = dict(reached(backfill, state))
    before = {id: _counting(every, state) for id, every in affected.items()}
    backfill.status, backfill.reflected_at = "reflected", at
    backfill.order = state.store.turn(at)
    after = {id: _counting(every, state) for id, every in affected.items()}
    removed, gained = _differing(before, after, state)
    if removed:
        yield Effects("removed", removed, "orb.backfill.replace")
    matched, unmatched = _apart(gained, state, waits)
    yield from state.accepted([v.event for v in matched], "orb.backfill.reflected")
    if unmatched:
        yield _unmatched(unmatched, state)
        _await([v.event for v in unmatched if v.backfill is backfill], state)
    state.happenings.append(Happening("backfill.reflected", at, shown(backfill)))


def _reverted(backfill: Backfill, state: State, at: datetime, waits: bool) -> Iterator[Effects]:
    affected = dict(reached(backfill, state))
    before = {id: _counting(every, state) for id, every in affected.items()}
    backfill.status, backfill.reverted_at, backfill.due = "reverted", at, None
    after = {id: _counting(every, state) for id, every in affected.items()}
    removed, gained = _differing(before, after, state)
    if removed:
        yield Effects("removed", removed, "orb.backfill.revert")
    matched, unmatched = _apart(gained, state, waits)
    yield from state.accepted([v.event for v in matched], "orb.backfill.revert")
    if unmatched:  # they wait for their customer since they came
        yield _unmatched(unmatched, state)
    state.happenings.append(Happening("backfill.reverted", at, shown(backfill)))


def _await(events: Sequence[Event], state: State) -> None:
    """Events whose customer does not exist yet (rule orb.customer.attribution)."""
    for external_id in {event["external_customer_id"] for event in events}:
        state.waiting.setdefault(external_id, []).append(events)


def _unmatched(versions: Sequence[Version], state: State) -> Effects:
    events = [version.event for version in versions]
    return Effects("unmatched", events, "orb.ingest.unknown-external-customer", state.usage)


def _counting(every: Sequence[Version], state: State) -> list[Version]:
    return [version for version in every if in_force(version, state)]


def _differing(
    before: Mapping[str, Sequence[Version]], after: Mapping[str, Sequence[Version]], state: State
) -> tuple[list[Usage], list[Version]]:
    """What no longer counts, and what counts from now on.

    The ledger takes out all events of an id at once; those that stay are put in again.
    """
    removed: list[Usage] = []
    gained: list[Version] = []
    for id, old in before.items():
        new = after[id]
        if list(old) != list(new):
            removed += named(old, state)
            gained += new
    return removed, gained


def named(counting: Sequence[Version], state: State) -> list[Usage]:
    """The usage of events as the ledger has it now, for taking it out."""
    return [_first(state.usage(version.event)) for version in counting]


def _first(usages: Usage | tuple[Usage, ...]) -> Usage:
    return usages[0] if isinstance(usages, tuple) else usages


def _apart(
    versions: Sequence[Version], state: State, waits: bool
) -> tuple[list[Version], list[Version]]:
    """Events of customers there are, and those that wait for theirs; those of a deleted one are in
    neither."""
    matched: list[Version] = []
    unmatched: list[Version] = []
    for version in versions:
        event = version.event
        id = event.get("customer_id")
        if id is not None:
            if id in state.customers:
                matched.append(version)
        elif not waits or event["external_customer_id"] in state.by_external_id:
            matched.append(version)
        else:
            unmatched.append(version)
    return matched, unmatched
