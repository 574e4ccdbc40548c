"""Orb's edge: endpoints to decisions, decisions to answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from contracts.model import Contract, Endpoint, Violation
from sandbox.batch import Batch
from sandbox.body import content, parse
from sandbox.idempotency import Policy, once
from sandbox.orb import (
    backfills,
    customers,
    endpoints,
    errors,
    events,
    metrics,
    refilling,
    volume,
    webhooks,
)
from sandbox.orb.rules import Ingestion, State, Terms, failures, ingest
from sandbox.orb.shelves import shelves
from sandbox.orb.store import Backfill
from sandbox.reply import Decision, Effects, Refusal, Reply, Usage
from sandbox.room import Call, Dashboard, Operation, Room

__all__ = ["create_room"]

IDEMPOTENCY = Policy(
    rule="orb.idempotency",
    length_rule="orb.idempotency.length",
    kept=timedelta(hours=48),
    misused=errors.conflict,
    replayed=((b"idempotent-replayed", b"true"),),
    longest=64,
    busy=errors.in_flight,
    busy_rule="orb.idempotency.in-flight",
    too_long=lambda key: errors.validation(
        f"Idempotency-Key has {len(key)} characters; at most 64."
    ),
)
INGESTION = replace(IDEMPOTENCY, switch="orb.idempotency.ingest")


OPERATIONS: Mapping[str, Operation] = {
    "ping": lambda _: Decision(Reply.json({"response": "pong"})),
    "search-events": once(events.search, IDEMPOTENCY),
    "fetch-event-volume": volume.show,
    "amend-event": events.amend,
    "deprecate-event": events.deprecate,
    "create-backfill": once(backfills.create, IDEMPOTENCY),
    "list-backfills": backfills.list_all,
    "fetch-backfill": backfills.fetch,
    "close-backfill": once(backfills.close, IDEMPOTENCY),
    "revert-backfill": once(backfills.revert, IDEMPOTENCY),
    "create-customer": once(customers.create, IDEMPOTENCY),
    "list-customers": customers.list_all,
    "fetch-customer": customers.fetch,
    "fetch-customer-by-external-id": customers.fetch_by_external_id,
    "update-customer": customers.update,
    "update-customer-by-external-id": customers.update_by_external_id,
    "delete-customer": customers.delete,
    "create-metric": once(metrics.create, IDEMPOTENCY),
    "list-metrics": metrics.list_all,
    "fetch-metric": metrics.fetch,
    "update-metric": metrics.update,
    "archive-metric": once(metrics.archive, IDEMPOTENCY),
    "unarchive-metric": once(metrics.unarchive, IDEMPOTENCY),
    "create-webhook-endpoint": once(endpoints.create, IDEMPOTENCY),
    "list-webhook-endpoints": endpoints.list_all,
    "fetch-webhook-endpoint": endpoints.fetch,
    "update-webhook-endpoint": endpoints.update,
    "delete-webhook-endpoint": endpoints.delete,
    "enable-webhook-endpoint": once(endpoints.enable, IDEMPOTENCY),
    "disable-webhook-endpoint": once(endpoints.disable, IDEMPOTENCY),
}
DASHBOARD: Mapping[str, Dashboard] = {
    "declare-metric": metrics.declare,
    "issue-invoice": customers.issue_invoice,
    "add-webhook-endpoint": endpoints.add,
    "send-test-webhook": endpoints.send_test,
    "webhooks": endpoints.show,
}


def create_room(contract: Contract) -> Room:
    return Room(
        contract,
        state=State,
        operations={"ingest": once(ingestion, INGESTION), **OPERATIONS},
        words=errors,
        webhooks=webhooks,
        dashboard=DASHBOARD,
        events=_count,
        salvage=_salvage,
        waives=_waives,
        elapse=backfills.elapse,
        shelves=shelves,
    )


def ingestion(call: Call) -> Decision:
    """POST /ingest: the whole batch or nothing."""
    state: State = call.account.state
    given = call.body["events"]
    _refuse_batch(call, given)
    terms, backfill = _terms(call), _opened(call, given)
    if backfill is not None:
        return _refilled(call, given, backfill, terms)
    found = failures(given, state, terms, call.now)
    if found:
        raise _refused(given, found, state)
    batch = Batch(content(call.request), len(given), _events, call.now, state.store.turns)
    done = ingest(given, batch, state, terms)
    answer = _answer(call, done)
    lost: tuple[Effects, ...] = ()
    if state.store.backfills:
        done, lost = refilling.sifted(done, state, call.now)
    return Decision(answer, (*_effects(done, state), *lost), _odd_debug(call))


def _refilled(call: Call, given: Sequence[Any], backfill: Backfill, terms: Terms) -> Decision:
    """Events for a backfill: kept, and hidden until it is reflected (rule orb.backfill.hidden)."""
    state: State = call.account.state
    found = refilling.failures(given, backfill, state, terms, call.now)
    if found:
        raise _refused(given, found, state)
    done = refilling.ingest(given, backfill, state, terms, call.now)
    groups = (
        Effects("unmatched", done.unmatched, "orb.backfill.hidden", state.usage),
        Effects("duplicate", done.duplicate, "orb.backfill.duplicate", state.usage),
    )
    return Decision(_answer(call, done), tuple(e for e in groups if e.items))


def _opened(call: Call, given: Sequence[Any]) -> Backfill | None:
    try:
        return refilling.opened(call)
    except Refusal as refusal:
        told = refusal.decision
        raise Refusal(told.reply, told.findings, _lost(given, told.findings[0].rule)) from None


def _events(raw: bytes) -> list[Any]:
    events: list[Any] = parse(raw)["events"]
    return events


def _effects(done: Ingestion, state: State) -> tuple[Effects, ...]:
    groups = list(state.accepted(done.matched))
    if done.unmatched:
        rule = "orb.ingest.unknown-external-customer"
        groups.append(Effects("unmatched", done.unmatched, rule, state.usage))
    if done.duplicate:
        groups.append(Effects("duplicate", done.duplicate, "orb.ingest.duplicate", state.usage))
    return tuple(groups)


def _answer(call: Call, done: Ingestion) -> Reply:
    body: dict[str, Any] = {"validation_failed": []}
    asked = b"debug" in call.request.query_string and call.request.query.get("debug") == "true"
    if asked and call.setting("orb.ingest.debug") == "honour":
        body["debug"] = {
            "duplicate": [event["idempotency_key"] for event in done.duplicate],
            "ingested": [event["idempotency_key"] for event in (*done.matched, *done.unmatched)],
        }
    return Reply.json(body)


def _odd_debug(call: Call) -> tuple[Violation, ...]:
    """A debug that is neither true nor false does nothing, and is told."""
    if b"debug" not in call.request.query_string:
        return ()
    given = call.request.query.get("debug")
    if given in (None, "true", "false"):
        return ()
    why = f"debug is {given!r}, and only true is known to do something"
    return (Violation("$", why, given, "orb.ingest.debug-value", "true"),)


def _refuse_batch(call: Call, events: Sequence[Any]) -> None:
    most = call.setting("orb.ingest.batch-size")
    if len(events) > most:
        reply = errors.too_many_events(
            len(events), most, call.setting("orb.ingest.batch-size-status")
        )
        why = f"{len(events)} events in one request; at most {most}"
        finding = Violation("$.events", why, len(events), "orb.ingest.batch-size")
        raise Refusal(reply, [finding], _lost(events, "orb.ingest.batch-size"))
    if not events and call.setting("orb.ingest.empty") == "reject":
        finding = Violation("$.events", "[] should be non-empty", [], "orb.ingest.empty")
        raise Refusal(errors.validation(finding.message), [finding])


def _refused(events: Sequence[Any], found: Sequence[Violation], state: State) -> Refusal:
    messages: dict[int, list[str]] = {}
    for violation in found:
        index = int(violation.path[len("$.events[") :].partition("]")[0])
        messages.setdefault(index, []).append(violation.message)
    late = [events[i] for i in messages if _only_late(found, i)]
    rest = [event for event in events if not any(event is other for other in late)]
    effects = [
        Effects("late", [_usage(e) for e in late], "orb.ingest.grace-period"),
        Effects("rejected", [_usage(e) for e in rest], "orb.ingest.whole-batch"),
    ]
    return Refusal(
        errors.refused_events(events, messages), found, tuple(e for e in effects if e.items)
    )


def _only_late(found: Sequence[Violation], index: int) -> bool:
    prefix = f"$.events[{index}]."
    rules = {violation.rule for violation in found if violation.path.startswith(prefix)}
    return rules == {"orb.ingest.grace-period"}


def _terms(call: Call) -> Terms:
    setting = call.account.settings
    return Terms(
        grace=setting["orb.ingest.grace-period"],
        ahead=setting["orb.ingest.future-limit"],
        other_offsets=setting["orb.ingest.timestamp-offset"],
        repeats_in_batch=setting["orb.ingest.batch-repeat"],
        other_body=setting["orb.ingest.other-body"],
        forget=setting["orb.ingest.dedup-window"],
        unknown_external=setting["orb.ingest.unknown-external-customer"],
    )


def _count(body: Any) -> int:
    events = body.get("events") if isinstance(body, dict) else None
    return len(events) if isinstance(events, list) else 0


def _lost(events: Sequence[Any], rule: str) -> tuple[Effects, ...]:
    return (Effects("rejected", [_usage(event) for event in events], rule),)


def _salvage(body: Any, endpoint: Endpoint) -> Sequence[Usage]:
    """The usage a refused body would have been, as far as it can be told."""
    if endpoint.name != "ingest" or not _count(body):
        return ()
    return [_usage(event) for event in body["events"] if isinstance(event, dict)]


def _usage(event: Mapping[str, Any]) -> Usage:
    def text(name: str) -> str | None:
        value = event.get(name)
        return value if isinstance(value, str) else None

    customer = text("external_customer_id") or text("customer_id")
    return Usage(text("idempotency_key") or "", customer, text("event_name"), 1)


def _waives(violation: Violation, settings: Mapping[str, Any]) -> bool:
    """A time without offset is taken as UTC where the switch says so."""
    naive = "orb.ingest.timestamp-naive"
    return violation.rule == naive and settings[naive] == "utc"
