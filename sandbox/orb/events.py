"""Orb's events after ingestion: searched, counted by the hour, amended and deprecated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from contracts.model import Violation
from sandbox.orb import errors
from sandbox.orb.force import customer_now, customer_of, gone, in_force, touched, versions
from sandbox.orb.reflection import named
from sandbox.orb.store import Version, moment, same
from sandbox.reply import Decision, Effects, Refusal, Reply

if TYPE_CHECKING:
    from sandbox.batch import Batch
    from sandbox.orb.state import State
    from sandbox.room import Call

__all__ = ["amend", "deprecate", "search"]

Event = dict[str, Any]
PERIOD = timedelta(days=100)


def search(call: Call) -> Decision:
    """POST /events/search: events by id, the earliest timestamp first."""
    start, end = _frame(call)
    state: State = call.account.state
    at = call.now - call.setting("orb.search.lag")
    every = call.setting("orb.search.versions") == "all"
    read: dict[Batch, dict[str, Event]] = {}
    found: list[tuple[datetime, dict[str, Any]]] = []
    for id in dict.fromkeys(call.body["event_ids"]):
        seen = [v for v in versions(id, state, read) if v.shown(at) and not gone(v, state, at)]
        for version in seen if every else _latest(seen, state, at):
            event = version.event
            stamp = moment(event["timestamp"])
            if stamp is not None and start <= stamp < end:
                ignored = not in_force(version, state, at)
                found.append((stamp, _shown(version, stamp, ignored, state)))
    found.sort(key=lambda one: one[0])
    metadata = {"has_more": False, "next_cursor": None}
    data = [told for _, told in found]
    return Decision(Reply.json({"data": data, "pagination_metadata": metadata}))


def amend(call: Call) -> Decision:
    """PUT /events/{event_id}: another body for an event, which keeps its id."""
    id, state = call.request.params["event_id"], call.account.state
    before = _existing(call, id)
    _refuse_gone(call, before)
    now_counting = [version for version in before if in_force(version, state)]
    if not now_counting:
        why = f"Event {id} is deprecated and cannot be amended."
        raise _refused("orb.amend.deprecated", why, id)
    latest = now_counting[-1]
    customer = _refuse_other(call, latest)
    _refuse_period(call, latest.event)
    event = {**call.body, "idempotency_key": id}
    reply = Reply.json({"amended": id})
    if same(latest.event, event):
        return Decision(reply)  # the same again: by design idempotent (rule orb.amend)
    _refuse_many(call, "amend", customer, id)
    every = touched(id, state, {})
    counting = [version for version in every if in_force(version, state)]
    copies = named(counting, state)
    for version in counting:
        version.until = call.now
    order = state.store.turn(call.now)
    every.append(Version(id, orjson.dumps(event), order, counting[-1].backfill, amends=True))
    updated = Effects("updated", [event], "orb.amend", state.usage)
    if len(copies) == 1:
        return Decision(reply, (updated,))
    # Only one event of an id is the truth from now on, however often it was ingested.
    return Decision(reply, (Effects("removed", copies[1:], "orb.amend"), updated))


def deprecate(call: Call) -> Decision:
    """PUT /events/{event_id}/deprecate: the event is kept and no longer counts."""
    id, state = call.request.params["event_id"], call.account.state
    before = _existing(call, id)
    reply = Reply.json({"deprecated": id})
    if id in state.store.deprecated:
        return Decision(reply)  # the same again: by design idempotent (rule orb.deprecate)
    event = before[-1].event
    customer = customer_of(event, before[-1].order, state)
    if customer not in state.customers:
        why = f"The customer of event {id} does not exist."
        raise _refused("orb.deprecate.customer-exists", why, id)
    _refuse_period(call, event)
    _refuse_many(call, "deprecate", str(customer), id)
    counting = [version for version in touched(id, state, {}) if in_force(version, state)]
    state.store.deprecated[id] = call.now
    lost = named(counting, state)
    effects = (Effects("removed", lost, "orb.deprecate"),) if lost else ()
    return Decision(reply, effects)


def _latest(seen: list[Version], state: State, at: datetime) -> list[Version]:
    """Every version that counted then; the last one if none did."""
    return [version for version in seen if in_force(version, state, at)] or seen[-1:]


def _shown(version: Version, stamp: datetime, ignored: bool, state: State) -> dict[str, Any]:
    """An event as Orb shows it, with both ids of its customer where they are known."""
    event = version.event
    id = customer_of(event, version.order, state)
    customer = state.customers.get(id) if id is not None else None
    external_id = event.get("external_customer_id")
    if external_id is None and customer is not None:
        external_id = customer["external_customer_id"]
    return {
        "id": event["idempotency_key"],
        "customer_id": id,
        "external_customer_id": external_id,
        "event_name": event["event_name"],
        "properties": event["properties"],
        "timestamp": stamp.isoformat(),
        "deprecated": ignored,
    }


def _frame(call: Call) -> tuple[datetime, datetime]:
    """The frame searched: by default from a week ago until now."""
    start, end = call.body.get("timeframe_start"), call.body.get("timeframe_end")
    begins = call.now - timedelta(days=7) if start is None else _time(start, "timeframe_start")
    ends = call.now if end is None else _time(end, "timeframe_end")
    if begins >= ends:
        path = "$.timeframe_end" if end is not None else "$.timeframe_start"
        why = "timeframe_end must be after timeframe_start."
        raise _refused("orb.search.frame", why, start if end is None else end, path)
    return begins, ends


def _time(text: str, name: str) -> datetime:
    at = moment(text)
    if at is None:
        why = f"{text!r} is not a 'date-time'"
        raise _refused("orb.search.structure", why, text, f"$.{name}")
    return at


def _existing(call: Call, id: str) -> list[Version]:
    """The versions of an event that can be seen; a backfill's are not until it is reflected."""
    found = [version for version in versions(id, call.account.state, {}) if version.shown()]
    if not found:
        finding = Violation("$", f"no event {id!r}", id, "orb.event.not-found")
        raise Refusal(errors.missing_resource("Event", id), [finding])
    return found


def _refuse_gone(call: Call, before: list[Version]) -> None:
    """An event of a deleted customer cannot be amended, whoever has its external id by now."""
    state: State = call.account.state
    if all(gone(version, state) for version in before):
        event = before[-1].event
        name = "customer_id" if event.get("customer_id") is not None else "external_customer_id"
        raise _unknown_customer(event[name], f"$.{name}")


def _unknown_customer(id: str, path: str) -> Refusal:
    why = f"Could not find a resource of type Customer with identifier: {id}."
    return _refused("orb.amend.customer-exists", why, id, path)


def _refuse_other(call: Call, before: Version) -> str:
    """An amendment is of the same time and the same customer, which exists; its id."""
    state: State = call.account.state
    after = call.body
    stamp = moment(after["timestamp"])
    if stamp is None or stamp != moment(before.event["timestamp"]):
        why = "The timestamp must match that of the existing event."
        raise _refused("orb.amend.timestamp", why, after["timestamp"], "$.timestamp")
    customer = customer_now(after, state)
    name = "customer_id" if after.get("customer_id") is not None else "external_customer_id"
    if customer is None or customer not in state.customers:
        raise _unknown_customer(after[name], f"$.{name}")
    if customer != customer_of(before.event, before.order, state):
        why = "The customer must be that of the existing event."
        raise _refused("orb.amend.customer", why, after[name], f"$.{name}")
    return customer


def _refuse_period(call: Call, event: Event) -> None:
    """Only a billing period that is not invoiced yet can be changed (rule orb.events.period)."""
    if call.setting("orb.events.period") == "off":
        return
    stamp = moment(event["timestamp"])
    month = call.now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begins = month
    if call.now - month <= call.setting("orb.ingest.grace-period"):
        begins = (month - timedelta(days=1)).replace(day=1)
    if stamp is None or stamp < begins:
        why = f"Event timestamp must be at or after {begins.isoformat()}."
        raise _refused("orb.events.period", why, event["timestamp"])


def _refuse_many(call: Call, what: str, customer: str, id: str) -> None:
    """So many events of a customer in 100 days, and no more; the same one again is not another."""
    done = call.account.state.store.changes.setdefault((what, customer), {})
    for other, at in list(done.items()):
        if call.now - at >= PERIOD:
            del done[other]
    most = call.setting(f"orb.{what}.limit")
    if id not in done and len(done) >= most:
        why = f"At most {most} events of a customer can be {what}d in 100 days."
        raise _refused(f"orb.{what}.limit", why, id)
    done[id] = call.now


def _refused(rule: str, why: str, value: object, path: str = "$") -> Refusal:
    return Refusal(errors.validation(why), [Violation(path, why, value, rule)])
