"""Orb's metrics: made from SQL that is kept and not run, or declared so that they count."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts.model import BadValue, Violation
from sandbox.orb import errors
from sandbox.orb.listing import chosen, listed, moments
from sandbox.orb.metering import Definition, Metric
from sandbox.orb.particulars import merged
from sandbox.orb.rules import State
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["archive", "create", "declare", "fetch", "list_all", "unarchive", "update"]

AGGREGATIONS = ("count", "sum", "max", "unique")
STATUSES = ("active", "archived", "draft")
ARGUMENTS = ("name", "event_name", "filter", "aggregation", "property")


def create(call: Call) -> Decision:
    """POST /metrics: the SQL is kept and not run (rule orb.metric.sql)."""
    given = call.body
    shown = {
        "id": call.account.id(),
        "name": given["name"],
        "description": given["description"],
        "status": "active",
        "item": _item(call.account, given["item_id"], call.now),
        "metadata": merged({}, given.get("metadata")),
        "sql": given["sql"],
        "parameter_definitions": None,
    }
    state: State = call.account.state
    state.metrics[shown["id"]] = Metric(shown, call.now.replace(microsecond=0))
    why = "the SQL is kept and not run: declare the metric, and the ledger counts it"
    finding = Violation("$.sql", why, given["sql"], "orb.metric.sql")
    return Decision(Reply.json(shown, 201), findings=(finding,))


def fetch(call: Call) -> Decision:
    return Decision(Reply.json(_found(call).shown))


def list_all(call: Call) -> Decision:
    """GET /metrics, newest first (rule orb.list), of one status where asked for."""
    state: State = call.account.state
    fits = moments(call)
    status = chosen(call, "status", STATUSES, "orb.metric.list-status")
    rows = {
        id: metric.shown
        for id, metric in state.metrics.items()
        if fits(metric.created_at) and status in (None, metric.shown["status"])
    }
    return Decision(listed(call, list(state.metrics), rows, dict))


def update(call: Call) -> Decision:
    """PUT /metrics/{metric_id}: metadata, name and description (rule orb.metric.update)."""
    metric, given = _found(call), call.body
    if given.get("name") is not None and given["name"] != metric.shown["name"]:
        _refuse_same_name(call, metric, given["name"])
        metric.shown["name"] = given["name"]
        call.account.ledger.recount()  # its usage goes by the name
    if "description" in given:
        metric.shown["description"] = given["description"]
    if "metadata" in given:
        metric.shown["metadata"] = merged(metric.shown["metadata"], given["metadata"])
    return Decision(Reply.json(metric.shown))


def archive(call: Call) -> Decision:
    """POST /metrics/{metric_id}/archive; its usage is counted all the same."""
    return _moved(call, "active", "archived", "A metric that is archived cannot be archived again.")


def unarchive(call: Call) -> Decision:
    return _moved(call, "archived", "active", "Only an archived metric can be unarchived.")


def declare(account: Account, arguments: Mapping[str, Any], now: datetime) -> Any:
    """{"name", "event_name", "filter"?: {property: value}, "aggregation": count, sum, max or
    unique, "property"?} makes a metric that the ledger counts, or makes one of that name count."""
    name, definition = _declaration(arguments)
    state: State = account.state
    if account.ledger.dropped:
        raise BadValue("name", name, "to be declared once the ledger has dropped entries")
    metric = next((m for m in state.metrics.values() if m.shown["name"] == name), None)
    if metric is None:
        metric = _declared(account, name, definition, now)
    elif metric.definition is not None:
        raise BadValue("name", name, "a metric that is not declared yet")
    metric.definition = definition
    state.declared = True
    account.ledger.recount()
    return {**metric.shown, "counts": definition.aggregation}


def _declared(account: Account, name: str, definition: Definition, now: datetime) -> Metric:
    """A metric by definition: of these Orb shows SQL that it derives."""
    shown = {
        "id": account.id(),
        "name": name,
        "description": None,
        "status": "active",
        "item": _item(account, account.id(), now, name),
        "metadata": {},
        "sql": definition.sql(),
        "parameter_definitions": None,
    }
    metric = Metric(shown, now.replace(microsecond=0))
    account.state.metrics[shown["id"]] = metric
    return metric


def _declaration(arguments: Mapping[str, Any]) -> tuple[str, Definition]:
    """Name and definition. Raises BadValue."""
    for name in arguments:
        if name not in ARGUMENTS:
            raise BadValue(name, arguments[name], f"an argument; known: {', '.join(ARGUMENTS)}")
    aggregation, of = arguments.get("aggregation"), arguments.get("property")
    if aggregation not in AGGREGATIONS:
        raise BadValue("aggregation", aggregation, f"one of {', '.join(AGGREGATIONS)}")
    if aggregation == "count" and of is not None:
        raise BadValue("property", of, "wanted: count counts events")
    if aggregation != "count":
        of = _text(arguments, "property")
    definition = Definition(_text(arguments, "event_name"), _filter(arguments), aggregation, of)
    return _text(arguments, "name"), definition


def _filter(arguments: Mapping[str, Any]) -> dict[str, Any]:
    given = arguments.get("filter") or {}
    plain = isinstance(given, Mapping) and all(
        isinstance(value, str | int | float) for value in given.values()
    )
    if not plain:
        raise BadValue("filter", given, "an object of texts, numbers and booleans")
    return dict(given)


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise BadValue(name, value, "text")
    return value


def _item(account: Account, id: str, now: datetime, name: str | None = None) -> dict[str, Any]:
    """The item of that id, taken to exist (rule orb.metric.item)."""
    state: State = account.state
    return state.items.setdefault(
        id,
        {
            "id": id,
            "name": name or id,
            "created_at": now.replace(microsecond=0).isoformat(),
            "external_connections": [],
            "metadata": {},
            "archived_at": None,
        },
    )


def _found(call: Call) -> Metric:
    id = call.request.params["metric_id"]
    metric: Metric | None = call.account.state.metrics.get(id)
    if metric is None:
        finding = Violation("$", f"no metric {id!r}", id, "orb.metric.not-found")
        raise Refusal(errors.missing_resource("BillableMetric", id), [finding])
    return metric


def _refuse_same_name(call: Call, metric: Metric, name: str) -> None:
    """The ledger tells declared metrics apart by name."""
    state: State = call.account.state
    if metric.definition is None:
        return
    for other in state.metrics.values():
        if other.definition is not None and other.shown["name"] == name:
            why = f"A declared metric is called {name} already."
            finding = Violation("$.name", why, name, "orb.metric.same-name")
            raise Refusal(errors.constraint(why), [finding])


def _moved(call: Call, before: str, after: str, why: str) -> Decision:
    metric = _found(call)
    if metric.shown["status"] != before:
        finding = Violation("$", why, metric.shown["status"], "orb.metric.archive")
        raise Refusal(errors.constraint(why), [finding])
    metric.shown["status"] = after
    return Decision(Reply.json(metric.shown))
