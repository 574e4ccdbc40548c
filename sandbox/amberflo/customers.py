"""Amberflo's customers: replaced whole, deleted softly, moved forward through their lifecycle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts.conformance import json_path
from contracts.model import Violation, did_you_mean
from sandbox.amberflo import errors
from sandbox.amberflo.attribution import attributed
from sandbox.amberflo.rules import State
from sandbox.amberflo.text import written
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

__all__ = ["create", "delete", "fetch", "listed", "reinstate", "replace", "stage", "visible"]

Customer = dict[str, Any]
STRIPE = "autoCreateCustomerInStripe"
STAGES = ("ONBOARDING", "TRIAL", "ACTIVE", "OFFBOARDED")
OPTIONAL = ("test", "deactivateTimeStamp")
ADDRESS = ("line1", "line2", "city", "state", "postalCode", "country", "verified")
OWN = ("id", "createTime", "updateTime", "deleteTime")
KNOWN = (
    "customerId",
    "customerName",
    "customerEmail",
    "description",
    "enabled",
    "lifecycleStage",
    "traits",
    "address",
    *OPTIONAL,
    *OWN,
)


def create(call: Call) -> Decision:
    """POST /customers; what becomes of a known id is a switch (rule amberflo.customer.exists)."""
    id = call.body["customerId"]
    rule = "amberflo.customer.exists"
    if _find(call, id) is not None and call.setting(rule) == "reject":
        why = f"Customer already exists with 'customerId': {id}"
        raise Refusal(errors.invalid(why), [Violation("$.customerId", why, id, rule)])
    return _put(call, stripe=_stripe(call))


def replace(call: Call) -> Decision:
    """PUT /customers: what the body does not say is gone (rule amberflo.customer.replace)."""
    done = _put(call, stripe=False)
    asked = call.request.query.get(STRIPE)
    if asked is None:
        return done
    why = f"a PUT does not look at {STRIPE}: only a POST creates a customer in Stripe"
    finding = Violation("$", why, asked, "amberflo.customer.stripe-put")
    return Decision(done.reply, done.effects, (*done.findings, finding))


def fetch(call: Call) -> Decision:
    """GET /customers/{customerId}: an unknown one is an empty object, not a 404."""
    return Decision(Reply.json(_named(call) or {}))


def listed(call: Call) -> Decision:
    """GET /customers: all of them, or the one asked for."""
    id = call.request.query.get("customerId")
    if id is not None:
        return Decision(Reply.json(_find(call, id) or {}))
    return Decision(Reply.json(visible(call)))


def delete(call: Call) -> Decision:
    """DELETE /customers/{customerId}: hidden and offboarded, and answered as it is then."""
    customer = _named(call)
    if customer is None:
        return Decision(Reply.json({}))
    now = _millis(call.now)
    customer |= {"lifecycleStage": "OFFBOARDED", "deleteTime": now, "updateTime": now}
    return Decision(Reply.json(customer))


def stage(call: Call) -> Decision:
    """PUT /customers/stage: forward only (rule amberflo.customer.stage)."""
    customer = _known(call, _find(call, call.body["customerId"]))
    wanted = call.body["lifecycleStage"].upper()
    current = customer.get("lifecycleStage")
    if current == wanted:
        raise _stuck(current, wanted, "amberflo.customer.stage-same")
    if _goes_back(current, wanted):
        raise _stuck(current, wanted, "amberflo.customer.stage")
    customer |= {"lifecycleStage": wanted, "updateTime": _millis(call.now)}
    return Decision(Reply.json(customer))


def _goes_back(current: str | None, wanted: str) -> bool:
    return current is not None and STAGES.index(wanted) < STAGES.index(current)


def _stuck(current: str | None, wanted: str, rule: str) -> Refusal:
    why = f"lifecycleStage cannot go from {current} to {wanted}"
    return Refusal(errors.invalid(why), [Violation("$.lifecycleStage", why, wanted, rule)])


def reinstate(call: Call) -> Decision:
    """PUT /customers/reinstate: seen again, and offboarded for good."""
    state: State = call.account.state
    held = state.customers.get(call.body["customerId"])
    deleted = held if held is not None and "deleteTime" in held else None
    customer = _known(call, deleted)
    del customer["deleteTime"]
    customer["updateTime"] = _millis(call.now)
    return Decision(Reply.json(customer), attributed(state, customer["id"]))


def visible(call: Call) -> list[Customer]:
    """The customers that are not deleted, oldest first."""
    state: State = call.account.state
    return [customer for customer in state.customers.values() if "deleteTime" not in customer]


def _stripe(call: Call) -> bool:
    """Whether the customer is to be created in Stripe as well."""
    value = call.request.query.get(STRIPE, "false")
    if value not in ("true", "false"):
        why = f"{STRIPE} is neither true nor false"
        finding = Violation("$", why, value, "amberflo.customer.stripe-value")
        raise Refusal(errors.invalid(why), [finding])
    return value == "true"


def _put(call: Call, *, stripe: bool) -> Decision:
    given = call.body
    state: State = call.account.state
    before = _find(call, given["customerId"])
    _refuse_earlier_stage(call, before or {})
    customer = _customer(given, before, _traits(call), call.now)
    if stripe:
        customer["traits"].setdefault("stripeId", call.account.id(14, "cus_"))
    if before is None:
        state.customers.pop(customer["id"], None)  # a deleted one, whose place is not the new one's
    state.customers[customer["id"]] = customer
    effects = attributed(state, customer["id"])
    return Decision(Reply.json(customer), effects, _unknown_keys(given))


def _refuse_earlier_stage(call: Call, before: Customer) -> None:
    """A whole customer that is put in the place of another leads no further back than a stage."""
    rule = "amberflo.customer.stage-replaced"
    current, wanted = before.get("lifecycleStage"), (call.body.get("lifecycleStage") or "").upper()
    if wanted and _goes_back(current, wanted) and call.setting(rule) == "reject":
        raise _stuck(current, wanted, rule)


def _customer(
    given: Mapping[str, Any], before: Customer | None, traits: dict[str, str], now: datetime
) -> Customer:
    customer = {
        "id": given["customerId"],
        "customerId": given["customerId"],
        "customerName": given["customerName"],
        "customerEmail": given.get("customerEmail") or "",
        "description": given.get("description") or "",
        "enabled": given.get("enabled") is not False,
        "traits": traits,
        "createTime": before["createTime"] if before else _millis(now),
        "updateTime": _millis(now),
    }
    customer |= _given(given, OPTIONAL)
    if given.get("address"):
        customer["address"] = _given(given["address"], ADDRESS)
    # A replacement that is silent about the stage leaves it (rule amberflo.customer.kept).
    at = given.get("lifecycleStage") or (before or {}).get("lifecycleStage")
    return customer | ({"lifecycleStage": at.upper()} if at else {})


def _given(source: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: source[name] for name in names if source.get(name) is not None}


def _traits(call: Call) -> dict[str, str]:
    """Traits as text, which numbers and booleans become (rule amberflo.customer.trait-types)."""
    given: dict[str, Any] = call.body.get("traits") or {}
    rule = "amberflo.customer.trait-types"
    if call.setting(rule) == "reject":
        found = [
            Violation(
                json_path(("traits", name)), f"{value!r} is not of type 'string'", value, rule
            )
            for name, value in given.items()
            if not isinstance(value, str)
        ]
        if found:
            raise Refusal(errors.violating(found, call.body, call.endpoint), found)
    return {name: written(value) for name, value in given.items()}


def _unknown_keys(given: Mapping[str, Any]) -> tuple[Violation, ...]:
    address = given.get("address") or {}
    return (*_unknown(given, KNOWN, ()), *_unknown(address, ADDRESS, ("address",)))


def _unknown(
    given: Mapping[str, Any], known: Sequence[str], at: tuple[str, ...]
) -> Iterator[Violation]:
    absent = [name for name in known if name not in given]
    for key in sorted(set(given) - set(known)):
        why = f"{key!r} is no field of a customer and is not kept"
        near = did_you_mean(key, absent)
        rule = "amberflo.customer.unknown-keys"
        yield Violation(json_path((*at, key)), why, given[key], rule, near)


def _find(call: Call, id: str) -> Customer | None:
    """The customer of that id, unless it is deleted (rule amberflo.customer.deleted)."""
    state: State = call.account.state
    return state.customers[id] if state.knows(id) else None


def _named(call: Call) -> Customer | None:
    """The customer of the path, which may end in a slash that is not the id's."""
    id, state = call.request.params["customerId"], call.account.state
    return _find(call, id if id in state.customers else id.removesuffix("/"))


def _known(call: Call, customer: Customer | None) -> Customer:
    if customer is None:
        id = call.body["customerId"]
        why = f"Customer does not exist with 'customerId': {id}"
        finding = Violation("$.customerId", why, id, "amberflo.customer.unknown")
        raise Refusal(errors.invalid(why), [finding])
    return customer


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)
