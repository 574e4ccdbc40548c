"""How many events there are, hour by hour: GET /events/volume."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from contracts.model import Violation
from sandbox.orb import errors
from sandbox.orb.force import in_force, of_customer, reached
from sandbox.orb.listing import instant, limit, refused
from sandbox.orb.store import moment
from sandbox.reply import Decision, Refusal, Reply

if TYPE_CHECKING:
    from sandbox.orb.state import State
    from sandbox.orb.store import Version
    from sandbox.room import Call

__all__ = ["counts", "show"]

HOUR = 3600


def show(call: Call) -> Decision:
    """GET /events/volume: the hours of the frame, the earliest first (rule orb.volume)."""
    first, last = _frame(call)
    most = limit(call)
    first = max(first, _after(call) + 1)
    found = counts(call.account.state)
    if call.setting("orb.volume.empty-hours") == "include":
        hours: Sequence[int] = range(first, last + 1)
    else:
        hours = sorted(hour for hour, count in found.items() if count and first <= hour <= last)
    page = hours[:most]
    more = len(hours) > most
    metadata = {"has_more": more, "next_cursor": _cursor(page[-1]) if more else None}
    data = [_shown(hour, found.get(hour, 0)) for hour in page]
    return Decision(Reply.json({"data": data, "pagination_metadata": metadata}))


def counts(state: State) -> Counter[int]:
    """Hour -> how many events count: not those that are hidden, deprecated or replaced."""
    store = state.store
    for _, events in store.batches[store.counted :]:
        for hour in _hours(events):
            store.hours[hour] = store.hours.get(hour, 0) + 1
    store.counted = len(store.batches)
    found = Counter(store.hours)
    for every in store.touched.values():
        for version in every:
            plain = version.backfill is None and not version.amends
            change = in_force(version, state) - plain
            if change:
                found[_hour(version.event)] += change
    for event in _lost(state):
        found[_hour(event)] -= 1
    return found


def _lost(state: State) -> Iterable[dict[str, Any]]:
    """Events that nobody touched one by one, and that a backfill stands in place of, or that
    went with their customer."""
    return {
        every[0].id: every[0].event
        for every in _doubtful(state)
        if every[0].id not in state.store.touched and not in_force(every[0], state)
    }.values()


def _doubtful(state: State) -> Iterable[Sequence[Version]]:
    for backfill in state.store.backfills.values():
        if backfill.replace and backfill.active():
            yield from (every for _, every in reached(backfill, state))
    if state.deleted:
        external_ids = {gone.customer["external_customer_id"] for gone in state.deleted.values()}
        yield from of_customer(state, {*state.deleted, *external_ids} - {None})


def _hours(events: Iterable[dict[str, Any]]) -> Iterable[int]:
    return (_hour(event) for event in events)


def _hour(event: dict[str, Any]) -> int:
    stamp = moment(event["timestamp"])
    assert stamp is not None, "ingestion takes no other timestamps"
    return int(stamp.timestamp() // HOUR)


def _frame(call: Call) -> tuple[int, int]:
    """The first and the last hour asked for."""
    query = call.request.query
    begins = _time(query.get("timeframe_start"), "timeframe_start")
    until = query.get("timeframe_end")
    ends = call.now if until is None else _time(until, "timeframe_end")
    if begins >= ends:
        why = "timeframe_end must be after timeframe_start."
        finding = Violation("$.timeframe_end", why, until, "orb.volume.frame")
        raise Refusal(errors.validation(why), [finding])
    return int(begins.timestamp() // HOUR), int(-(-ends.timestamp() // HOUR)) - 1


def _time(text: str | None, name: str) -> datetime:
    if text is None:
        why = f"{name!r} is a required property"
        raise Refusal(errors.validation(why), [Violation("$", why, None, "orb.volume")])
    return instant(name, text, "orb.volume")


def _shown(hour: int, count: int) -> dict[str, Any]:
    return {
        "timeframe_start": _start(hour).isoformat(),
        "timeframe_end": _start(hour + 1).isoformat(),
        "count": count,
    }


def _start(hour: int) -> datetime:
    try:
        return datetime.fromtimestamp(hour * HOUR, UTC)
    except (OverflowError, ValueError):  # the hour after the last that a calendar has
        return datetime.max.replace(tzinfo=UTC)


def _cursor(hour: int) -> str:
    return urlsafe_b64encode(str(hour).encode()).decode().rstrip("=")


def _after(call: Call) -> int:
    """The last hour of the page before."""
    cursor = call.request.query.get("cursor")
    if cursor is None:
        return -(10**9)
    try:
        return int(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    except ValueError:
        why = f"{cursor!r} is not a cursor of this list"
        raise refused("cursor", why, cursor, "orb.list.cursor") from None
