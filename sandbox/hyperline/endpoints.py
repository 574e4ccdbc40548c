"""Hyperline's webhook endpoints: through its API, and what only its web page tells of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contracts import durations
from contracts.model import BadValue, Violation
from sandbox.hyperline import errors
from sandbox.hyperline.happenings import Happening
from sandbox.hyperline.moments import moment
from sandbox.hyperline.pages import iterated
from sandbox.hyperline.state import Endpoint
from sandbox.hyperline.webhooks import TIMEOUT, dispatch, headers, key, waits
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call
from sandbox.webhooks import Target

if TYPE_CHECKING:
    from sandbox.account import Account

__all__ = ["create", "delete", "fetch", "list_all", "send_test", "show", "update"]

TOLD = (
    "customer.created",
    "customer.updated",
    "customer.archived",
    "customer.recovered",
    "customer.deleted",
    "event.price_calculated",
)
"""What happens here; no other type is ever sent but as a test."""


def create(call: Call) -> Decision:
    """POST /v1/webhooks/endpoints: the secret is not told (rule hyperline.webhook.secret)."""
    given, account = call.body, call.account
    _refuse_url(call)
    secret = _secret(given.get("secret"), account)
    id = account.id(27, "ep_")
    account.webhooks.add(Target(id, given["url"], secret, call.now, _types(given), timeout=TIMEOUT))
    endpoint = Endpoint(given.get("description") or "", given.get("rate_limit"))
    account.state.endpoints[id] = endpoint
    told = tuple(_never_sent(given))
    return Decision(Reply.json(_shown(account.webhooks.targets[id], endpoint), 201), findings=told)


def list_all(call: Call) -> Decision:
    """GET /v1/webhooks/endpoints, newest first (rule hyperline.webhook.list)."""
    webhooks, notes = call.account.webhooks, call.account.state.endpoints
    return iterated(
        call,
        webhooks.known[::-1],
        webhooks.targets,
        lambda target: _shown(target, notes[target.id]),
    )


def fetch(call: Call) -> Decision:
    target = _found(call)
    return Decision(Reply.json(_shown(target, call.account.state.endpoints[target.id])))


def update(call: Call) -> Decision:
    """PUT /v1/webhooks/endpoints/{id} (rule hyperline.webhook-endpoint.update)."""
    target, given = _found(call), call.body
    notes: dict[str, Endpoint] = call.account.state.endpoints
    _refuse_url(call)
    before, reset = notes[target.id], call.setting("hyperline.webhook-endpoint.update") == "reset"
    target.url = given["url"]
    if "event_types" in given or reset:
        target.types = _types(given)
    description = given.get("description", "" if reset else before.description)
    rate_limit = given.get("rate_limit", None if reset else before.rate_limit)
    notes[target.id] = Endpoint(description or "", rate_limit)
    told = tuple(_never_sent(given))
    return Decision(Reply.json(_shown(target, notes[target.id])), findings=told)


def delete(call: Call) -> Decision:
    target = _found(call)
    del call.account.webhooks.targets[target.id]
    del call.account.state.endpoints[target.id]
    return Decision(Reply(204, b"", None))


def send_test(account: Account, arguments: Mapping[str, Any], now: datetime) -> Any:
    """{"event_type"?, "data"?, "endpoint_id"?}: a message to one endpoint, or to all, whatever
    they want to know (rule hyperline.webhook.test)."""
    targets = account.webhooks.targets
    id, data = arguments.get("endpoint_id"), arguments.get("data", {})
    type = arguments.get("event_type", TOLD[0])
    if id is not None and (not isinstance(id, str) or id not in targets):
        raise BadValue("endpoint_id", id, "the id of a webhook endpoint")
    if not isinstance(type, str) or not isinstance(data, dict):
        raise BadValue("event_type", type, "text, with an object as data")
    wanted = [targets[id]] if id is not None else list(targets.values())
    dispatch(account, Happening(type, now, data), wanted)
    return {"sent": len(wanted)}


def show(account: Account, _: Mapping[str, Any], now: datetime) -> Any:
    """The endpoints with their secrets, the retries, and each message as it would be sent now."""
    account.collect(None, now)
    webhooks, state = account.webhooks, account.state
    return {
        "endpoints": [
            {**_shown(target, state.endpoints[target.id]), "secret": f"whsec_{target.secret}"}
            for target in webhooks.targets.values()
        ],
        "retries": [durations.text(wait) for wait in waits(account.settings)],
        "messages": [
            {
                "endpoint_id": target.id,
                "headers": headers(account, target, delivery.message),
                "body": json.loads(delivery.message.body),
            }
            for delivery in webhooks.deliveries
            if (target := webhooks.targets.get(delivery.message.target)) is not None
        ],
    }


def _secret(given: str | None, account: Account) -> str:
    """The secret, in base64: the one given, or a new one (rule hyperline.webhook.secret)."""
    if given is None:
        return account.id(32)  # any 32 letters and digits are the base64 of 24 bytes
    try:
        key(given)
    except ValueError as fault:
        finding = Violation("$.secret", f"no base64: {fault}", None, "hyperline.webhook.secret")
        raise Refusal(errors.invalid([finding]), [finding]) from fault
    return given


def _types(given: Mapping[str, Any]) -> tuple[str, ...] | None:
    types = given.get("event_types")
    return None if types is None else tuple(types)


def _never_sent(given: Mapping[str, Any]) -> Iterator[Violation]:
    """Types that are asked for and do not happen here (rule hyperline.webhook.types)."""
    for index, type in enumerate(given.get("event_types") or ()):
        if type not in TOLD:
            why = f"{type} is sent here as a test only"
            yield Violation(f"$.event_types[{index}]", why, type, "hyperline.webhook.types")


def _refuse_url(call: Call) -> None:
    rule, url = "hyperline.webhook-endpoint.url", call.body["url"]
    if call.setting(rule) == "https" and not url.lower().startswith("https://"):
        finding = Violation("$.url", "the URL is not one of HTTPS", url, rule)
        raise Refusal(errors.invalid([finding]), [finding])


def _found(call: Call) -> Target:
    id = call.request.params["id"]
    target = call.account.webhooks.targets.get(id)
    if target is None:
        rule = "hyperline.webhook-endpoint.not-found"
        finding = Violation("$", f"no webhook endpoint {id!r}", id, rule)
        raise Refusal(errors.not_found(), [finding])
    return target


def _shown(target: Target, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": target.id,
        "description": endpoint.description,
        "url": target.url,
        "rate_limit": endpoint.rate_limit,
        "event_types": None if target.types is None else list(target.types),
        "created_at": moment(target.created),
    }
