"""Orb's backfills: created, closed, reverted, fetched and listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from contracts.model import Violation
from sandbox.orb import errors, filters
from sandbox.orb.happenings import Happening
from sandbox.orb.listing import chosen, listed
from sandbox.orb.reflection import named, settled, shown
from sandbox.orb.store import Backfill, moment
from sandbox.reply import Decision, Effects, Refusal, Reply, Usage

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.orb.state import State
    from sandbox.room import Call

__all__ = [
    "close",
    "create",
    "elapse",
    "fetch",
    "list_all",
    "revert",
]

STATUSES = ("pending", "reflected", "pending_revert", "reverted")


def elapse(account: Account, now: datetime) -> Sequence[tuple[datetime, Effects]]:
    """What time alone has brought about by now."""
    state: State = account.state
    return settled(state, account.settings, now) if state.store.backfills else ()


def create(call: Call) -> Decision:
    """POST /events/backfills."""
    state: State = call.account.state
    backfill = _read(call)
    _refuse_frame(call, backfill)
    _refuse_overlap(call, backfill)
    backfill.id = call.account.id()
    state.store.backfills[backfill.id] = backfill
    return _answer(backfill)


def fetch(call: Call) -> Decision:
    """GET /events/backfills/{backfill_id}."""
    return _answer(_found(call, call.request.params["backfill_id"]))


def list_all(call: Call) -> Decision:
    """GET /events/backfills, newest first, by customer and status."""
    state: State = call.account.state
    status = chosen(call, "status", STATUSES, "orb.backfill.list")
    customer = call.request.query.get("customer_id")
    rows = {
        id: backfill
        for id, backfill in state.store.backfills.items()
        if status in (None, backfill.status) and customer in (None, backfill.customer_id)
    }
    return Decision(listed(call, list(state.store.backfills), rows, shown))


def close(call: Call) -> Decision:
    """POST /events/backfills/{backfill_id}/close: from now on it takes no events."""
    backfill = _found(call, call.request.params["backfill_id"])
    if backfill.open(call.now):
        backfill.close_time = call.now
        return _answer(backfill)
    if backfill.status in ("pending_revert", "reverted"):
        why = f"Backfill {backfill.id} is {backfill.status} and cannot be closed."
        raise _refused("orb.backfill.close-reverted", why, backfill.id)
    return _repeated(call, backfill, f"Backfill {backfill.id} is already closed.")


def revert(call: Call) -> Decision:
    """POST /events/backfills/{backfill_id}/revert: what it did is undone."""
    state: State = call.account.state
    backfill = _found(call, call.request.params["backfill_id"])
    if backfill.status == "reflected":
        takes: timedelta = call.setting("orb.backfill.reflection-time")
        backfill.status, backfill.due = "pending_revert", call.now + takes
        return _answer(backfill)
    if backfill.status == "pending":
        lost = _brought(backfill, state)
        rule = "orb.backfill.revert-pending"
        if not backfill.open(call.now):
            rule = "orb.backfill.revert-closing"
        backfill.status, backfill.reverted_at = "reverted", call.now
        state.happenings.append(Happening("backfill.reverted", call.now, shown(backfill)))
        effects = (Effects("dropped", lost, rule),) if lost else ()
        return Decision(Reply.json(shown(backfill)), effects)
    return _repeated(call, backfill, f"Backfill {backfill.id} is already {backfill.status}.")


def _answer(backfill: Backfill) -> Decision:
    return Decision(Reply.json(shown(backfill)))


def _repeated(call: Call, backfill: Backfill, why: str) -> Decision:
    """Asked for what is done already (rule orb.backfill.repeat)."""
    finding = Violation("$", why, backfill.id, "orb.backfill.repeat")
    if call.setting("orb.backfill.repeat") == "reject":
        raise Refusal(errors.validation(why), [finding])
    return Decision(Reply.json(shown(backfill)), findings=(finding,))


def _found(call: Call, id: str) -> Backfill:
    state: State = call.account.state
    backfill = state.store.backfills.get(id)
    if backfill is None:
        finding = Violation("$", f"no backfill {id!r}", id, "orb.backfill.not-found")
        raise Refusal(errors.missing_resource("Backfill", id), [finding])
    return backfill


def _brought(backfill: Backfill, state: State) -> list[Usage]:
    """What was ingested into a backfill."""
    return [
        usage
        for id, known in state.store.touched.items()
        for usage in named([v for v in known if v.backfill is backfill], state)
    ]


def _read(call: Call) -> Backfill:
    body = call.body
    replace, expression = body.get("replace_existing_events", True), body.get("deprecation_filter")
    close_time = body.get("close_time")
    return Backfill(
        id="",
        created_at=call.now,
        start=_time(call, "timeframe_start"),
        end=_time(call, "timeframe_end"),
        close_time=_time(call, "close_time") if close_time else call.now + timedelta(days=1),
        customer_id=_customer(call),
        replace=replace,
        filter=expression,
        matches=_filter(expression, replace=replace),
    )


def _time(call: Call, name: str) -> datetime:
    text = call.body[name]
    at = moment(text)
    if at is None:
        why = f"{text!r} is not a 'date-time'"
        raise _refused("orb.backfill.structure", why, text, f"$.{name}")
    return at


def _customer(call: Call) -> str | None:
    """Orb's id of the customer that a backfill is for; None when it is for all."""
    state: State = call.account.state
    id, external_id = call.body.get("customer_id"), call.body.get("external_customer_id")
    if id is None and external_id is None:
        return None
    found: str | None = id if external_id is None else state.by_external_id.get(external_id)
    if found not in state.customers:
        name, asked = ("external_customer_id", external_id) if id is None else ("customer_id", id)
        finding = Violation(f"$.{name}", f"no customer {asked!r}", asked, "orb.backfill.customer")
        raise Refusal(errors.missing_resource("Customer", asked), [finding])
    return found


def _filter(expression: str | None, *, replace: bool) -> filters.Match | None:
    if expression is None:
        return None
    path = "$.deprecation_filter"
    if not replace:
        why = "deprecation_filter requires replace_existing_events to be true."
        raise _refused("orb.backfill.filter-without-replace", why, expression, path)
    try:
        return filters.read(expression)
    except filters.Unreadable as fault:
        why = f"deprecation_filter could not be read: {fault}"
        raise _refused("orb.backfill.filter", why, expression, path) from fault


def _refuse_frame(call: Call, backfill: Backfill) -> None:
    """The frame is not empty, not too long and not within the grace period; it closes later."""
    start, end, body = backfill.start, backfill.end, call.body
    if end <= start:
        why = "timeframe_end must be after timeframe_start."
        raise _refused("orb.backfill.frame", why, body["timeframe_end"], "$.timeframe_end")
    longest: timedelta = call.setting("orb.backfill.longest")
    if end - start > longest:
        why = f"The timeframe of a backfill must not be longer than {longest.days} days."
        raise _refused("orb.backfill.longest", why, body["timeframe_end"], "$.timeframe_end")
    grace: timedelta = call.setting("orb.ingest.grace-period")
    boundary = call.now if backfill.matches is not None else call.now - grace
    if end > boundary:
        why = f"timeframe_end must not be later than {boundary.isoformat()}."
        raise _refused("orb.backfill.boundary", why, body["timeframe_end"], "$.timeframe_end")
    if backfill.close_time <= call.now:
        why = "close_time must be in the future."
        raise _refused("orb.backfill.close-time-past", why, body["close_time"], "$.close_time")


def _refuse_overlap(call: Call, backfill: Backfill) -> None:
    state: State = call.account.state
    apart = call.setting("orb.backfill.overlap") == "customer"
    for other in state.store.backfills.values():
        if other.status not in ("pending", "pending_revert"):
            continue
        if other.end <= backfill.start or backfill.end <= other.start:
            continue
        scopes = {backfill.customer_id, other.customer_id}
        if apart and None not in scopes and len(scopes) > 1:
            continue
        why = f"The timeframe overlaps with that of backfill {other.id}, which is {other.status}."
        raise _refused("orb.backfill.overlap", why, other.id, "$.timeframe_start")


def _refused(rule: str, why: str, value: object, path: str = "$") -> Refusal:
    return Refusal(errors.validation(why), [Violation(path, why, value, rule)])
