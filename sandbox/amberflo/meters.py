"""Amberflo's meters: defined, locked by degrees, deprecated, and only then deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

from contracts.conformance import json_path
from contracts.model import Violation, did_you_mean
from sandbox.account import Account
from sandbox.amberflo import errors
from sandbox.amberflo.counting import AGGREGATIONS, Meter, Register
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

__all__ = ["create", "delete", "fetch", "listed", "update"]

OLDER = ("max_usage", "unique_count")
IDLE = ("deduplicationConfig", "seatBased", "squashSumMeter", "timeoutInMinutes")
KEPT = (
    "description",
    "unit",
    "useInBilling",
    "sharedWithPartners",
    "enabled",
    "viewGroupingFunction",
    "viewGroupingInterval",
    "viewRescaleFunction",
    *IDLE,
)
OWN = ("id", "aggregation", "createTime", "updateTime")
DEFINED = ("label", "meterApiName", "meterType", "dimensions", "aggregationDimensions")
KNOWN = (*DEFINED, "lockingStatus", *KEPT, *OWN)
COUNTS = ("meterApiName", "meterType", "aggregationDimensions")
STATUSES = {"open": 0, "close_to_changes": 1, "close_to_deletions": 1, "deprecated": 2}


def create(call: Call) -> Decision:
    """POST /meters: the id is Amberflo's own, whatever the body says."""
    given = call.body
    _check(call, given)
    _check_unique(call, given, None)
    meter = Meter(_shown(call, given, _id(call.account), None))
    return _keep(call, meter, given)


def update(call: Call) -> Decision:
    """PUT /meters: replaces the meter of that id (rule amberflo.meter.update)."""
    given, register = call.body, _register(call)
    before = register.meters.get(given.get("id") or "")
    _check_unique(call, given, before)
    if before is None:
        id, rule = given.get("id"), "amberflo.meter.unknown"
        raise _refused("$.id", f"Meter does not exist with 'id': {id}", id, rule)
    _check(call, given)
    shown = _shown(call, given, before.shown["id"], before)
    _check_locks(call, before.shown, shown)
    return _keep(call, Meter(shown, before.deprecated_at), given)


def listed(call: Call) -> Decision:
    """GET /meters: all of them, or those of the name or label asked for."""
    query = call.request.query
    asked = {name: query[name] for name in ("meterApiName", "label") if name in query}
    shown = [meter.shown for meter in _register(call).meters.values()]
    return Decision(Reply.json([m for m in shown if all(m[k] == v for k, v in asked.items())]))


def fetch(call: Call) -> Decision:
    """GET /meters/{id}: an unknown one is an empty object."""
    meter = _asked(call)
    return Decision(Reply.json(meter.shown if meter is not None else {}))


def delete(call: Call) -> Decision:
    """DELETE /meters/{id}: only what is deprecated; an unknown id changes nothing."""
    meter = _asked(call)
    if meter is None:
        return Decision(Reply.json({}))
    status, rule = meter.shown["lockingStatus"], "amberflo.meter.delete"
    if status != "deprecated":
        why = f"'lockingStatus' {status} prevents meter from being deleted."
        raise Refusal(errors.refusal(why), [Violation("$", why, status, rule)])
    _register(call).remove(meter)
    call.account.ledger.recount()
    return Decision(Reply.json(meter.shown), findings=_dropped(call.account))


def _keep(call: Call, meter: Meter, given: Mapping[str, Any]) -> Decision:
    """Keep the meter, and let the ledger count by it what came before, too."""
    register, account = _register(call), call.account
    if meter.shown["lockingStatus"] == "deprecated" and meter.deprecated_at is None:
        meter.deprecated_at = _millis(call.now)
    register.put(meter)
    register.declared = True
    register.switch = lambda rule: account.settings[rule]
    account.ledger.recount()
    findings = (*_remarks(given), *_dropped(account))
    return Decision(Reply.json(meter.shown), findings=findings)


def _shown(call: Call, given: Mapping[str, Any], id: str, before: Meter | None) -> dict[str, Any]:
    now = _millis(call.now)
    own = AGGREGATIONS[given["meterType"]]
    old = before.shown if before is not None else {}
    shown = {
        "id": id,
        "label": given["label"],
        "meterApiName": given["meterApiName"],
        "meterType": given["meterType"],
        "aggregation": own.upper() if own is not None else None,
        "dimensions": list(given.get("dimensions") or ()),
        "aggregationDimensions": list(given.get("aggregationDimensions") or ()),
        # A replacement that is silent about the status leaves it (rule amberflo.meter.update).
        "lockingStatus": given.get("lockingStatus") or old.get("lockingStatus", "open"),
    }
    shown |= {name: given[name] for name in KEPT if given.get(name) is not None}
    return shown | {"createTime": old.get("createTime", now), "updateTime": now}


def _check(call: Call, given: Mapping[str, Any]) -> None:
    """What a meter must be (rules amberflo.meter.type and amberflo.meter.aggregation-needed)."""
    kind, rule = given["meterType"], "amberflo.meter.type"
    older = call.setting(rule) == "older"
    if kind not in AGGREGATIONS or (kind in OLDER and not older):
        known = [k for k in AGGREGATIONS if older or k not in OLDER]
        finding = Violation(
            "$.meterType", f"{kind!r} is not one of {known}", kind, rule, did_you_mean(kind, known)
        )
        raise Refusal(errors.refusal("Invalid meter type"), [finding])
    if AGGREGATIONS[kind] == "unique" and not given.get("aggregationDimensions"):
        why = f"a meter of type {kind} needs at least one of 'aggregationDimensions'"
        raise _refused("$.aggregationDimensions", why, None, "amberflo.meter.aggregation-needed")


def _check_unique(call: Call, given: Mapping[str, Any], before: Meter | None) -> None:
    """Name and label are each of one meter only (rules amberflo.meter.exists and .label)."""
    rules = {"meterApiName": "amberflo.meter.exists", "label": "amberflo.meter.label"}
    for other in _register(call).meters.values():
        for name, rule in rules.items():
            if other is not before and other.shown[name] == given[name]:
                why = f"Meter already exists with '{name}': {given[name]}"
                raise _refused(f"$.{name}", why, given[name], rule)


def _check_locks(call: Call, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """What the status lets change (rules amberflo.meter.status and amberflo.meter.locked)."""
    old, new = before["lockingStatus"], after["lockingStatus"]
    if new != old and STATUSES[new] <= STATUSES[old]:
        why = f"'lockingStatus' cannot change from {old} to {new}"
        raise _refused("$.lockingStatus", why, new, "amberflo.meter.status")
    if old == "open":
        return
    rule = "amberflo.meter.locked"
    whole = old == "deprecated" or call.setting(rule) == "everything"
    for name in (*DEFINED, *KEPT) if whole else COUNTS:
        if before.get(name) != after.get(name):
            why = f"'lockingStatus' {old} prevents '{name}' from being changed"
            raise _refused(f"$.{name}", why, after.get(name), rule)


def _remarks(given: Mapping[str, Any]) -> Iterator[Violation]:
    """What is kept and has no effect, and what is not kept."""
    for name in sorted(given):
        if name in IDLE and given[name] is not None:
            why = f"{name} is kept and has no effect here"
            yield Violation(f"$.{name}", why, given[name], "amberflo.meter.idle")
        elif name not in KNOWN:
            why = f"{name!r} is no field of a meter and is not kept"
            absent = [known for known in KNOWN if known not in given]
            rule = "amberflo.meter.unknown-keys"
            yield Violation(json_path([name]), why, given[name], rule, did_you_mean(name, absent))
    if given.get("useInBilling") is None:
        why = "useInBilling is left out: whether a product item is made of it is not published"
        yield Violation("$", why, None, "amberflo.meter.use-in-billing")


def _dropped(account: Account) -> tuple[Violation, ...]:
    """What the ledger forgot the entries of stays as it was counted."""
    count = account.ledger.dropped
    if not count:
        return ()
    why = f"the ledger has dropped {count} entries, which stay as they were counted"
    return (Violation("$", why, count, "amberflo.ledger.dropped"),)


def _asked(call: Call) -> Meter | None:
    """The meter of the path, which may end in a slash that is not the id's."""
    return _register(call).meters.get(call.request.params["id"].removesuffix("/"))


def _register(call: Call) -> Register:
    register: Register = call.account.state.register
    return register


def _refused(path: str, why: str, value: Any, rule: str) -> Refusal:
    return Refusal(errors.invalid(why), [Violation(path, why, value, rule)])


def _id(account: Account) -> str:
    """A UUID, new and yet the same when the account is rebuilt."""
    return str(UUID(bytes=blake2b(account.id().encode(), digest_size=16).digest(), version=4))


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)
