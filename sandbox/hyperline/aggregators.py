"""Hyperline's aggregators: what is billed of events, and by what name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.model import Violation
from sandbox.hyperline import errors
from sandbox.hyperline.listing import taken
from sandbox.hyperline.metering import Aggregator, computed
from sandbox.hyperline.moments import moment
from sandbox.hyperline.state import State
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

__all__ = ["create", "delete", "fetch", "list_all", "update"]

Shown = dict[str, Any]

DEFAULTS: Shown = {
    "property": None,
    "formula_sql": None,
    "where": None,
    "type": "metered",
    "name": None,
    "description": None,
    "allow_negative_values": False,
    "aggregate_on_customers_enabled": False,
    "default_interval_count": None,
    "default_interval_period": None,
    "custom_event_name": None,
    "exposed_event_keys": [],
    "unit_name": None,
    "thresholds": [],
}
FIELDS = ("entity", "operation", *DEFAULTS)
EXTENDED = ("max", "unique")


def create(call: Call) -> Decision:
    """POST /v1/aggregators: from now on aggregators say what is billed (rule
    hyperline.aggregator.declared)."""
    state: State = call.account.state
    now = moment(call.now)
    blank = {"id": call.account.id(14, "agg_"), **DEFAULTS, "created_at": now, "updated_at": now}
    shown = _changed(call, blank)
    state.declared = True
    return Decision(Reply.json(shown, 201), findings=_placed(call, shown))


def list_all(call: Call) -> Decision:
    """GET /v1/aggregators, newest first (rule hyperline.aggregator.list)."""
    state: State = call.account.state
    rows = [aggregator.shown for aggregator in reversed(state.aggregators.values())]
    return taken(call, rows, "hyperline.aggregator.list")


def fetch(call: Call) -> Decision:
    return Decision(Reply.json(_found(call).shown))


def update(call: Call) -> Decision:
    """PUT /v1/aggregators/{id}: what is left out stays, and all usage is counted anew (rule
    hyperline.aggregator.update)."""
    shown = _changed(call, {**_found(call).shown, "updated_at": moment(call.now)})
    return Decision(Reply.json(shown), findings=_placed(call, shown))


def delete(call: Call) -> Decision:
    """DELETE /v1/aggregators/{id}: what it alone counted is not billed (rule
    hyperline.aggregator.delete)."""
    state: State = call.account.state
    del state.aggregators[_found(call).shown["id"]]
    call.account.ledger.recount()
    return Decision(Reply(204, b"", None))


def _changed(call: Call, before: Shown) -> Shown:
    """The aggregator with what the body gives. Raises Refusal."""
    given = {key: call.body[key] for key in FIELDS if key in call.body}
    for key, value in given.items():
        given[key] = DEFAULTS.get(key) if value is None else value
    after = {**before, **given}
    _refuse_operation(call, after)
    after["thresholds"] = [_threshold(call, threshold) for threshold in after["thresholds"]]
    return after


def _refuse_operation(call: Call, shown: Mapping[str, Any]) -> None:
    """An operation that is not known, or lacks what it works on."""
    operation, rule = shown["operation"], "hyperline.aggregator.operation"
    why, at = None, "property"
    if operation in EXTENDED and call.setting(rule) == "documented":
        at, why = "operation", f"{operation} is no operation; a formula has it"
    elif operation == "formula" and not shown["formula_sql"]:
        at, why = "formula_sql", "the operation formula needs a formula_sql"
    elif operation not in ("count", "formula") and not shown["property"]:
        why = f"the operation {operation} needs a property"
    if why is not None:
        finding = Violation(f"$.{at}", why, shown[at], rule)
        raise Refusal(errors.invalid([finding]), [finding])


def _threshold(call: Call, given: Mapping[str, Any]) -> Shown:
    return {
        "id": given.get("id") or call.account.id(14, "thr_"),
        "name": given.get("name"),
        "threshold_value": given["threshold_value"],
        "comparison_operator": given.get("comparison_operator", "gte"),
    }


def _placed(call: Call, shown: Shown) -> tuple[Violation, ...]:
    """Count by this aggregator from now on; what there is to be said of that."""
    state: State = call.account.state
    meter = shown["name"] or shown["entity"]
    others = (a.meter for a in state.aggregators.values() if a.shown["id"] != shown["id"])
    if meter in others:
        meter = shown["id"]  # the ledger tells meters apart by name
    aggregator = Aggregator(shown, meter, computed(shown))
    state.aggregators[shown["id"]] = aggregator
    call.account.ledger.recount()
    if aggregator.counted is not None:
        return ()
    why = "the formula is kept and not worked out; no event that it counts is billed here"
    rule = "hyperline.aggregator.formula"
    return (Violation("$.formula_sql", why, shown["formula_sql"], rule),)


def _found(call: Call) -> Aggregator:
    id = call.request.params["id"]
    aggregator: Aggregator | None = call.account.state.aggregators.get(id)
    if aggregator is None:
        rule = "hyperline.aggregator.not-found"
        finding = Violation("$", f"no aggregator {id!r}", id, rule)
        raise Refusal(errors.not_found("Aggregator not found"), [finding])
    return aggregator
