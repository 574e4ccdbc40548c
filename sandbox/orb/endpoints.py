"""Orb's webhook endpoints: through its API, and on its web page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from contracts import durations
from contracts.conformance import violations
from contracts.model import BadValue, Violation
from sandbox.account import Account
from sandbox.orb import errors
from sandbox.orb.happenings import Happening
from sandbox.orb.listing import listed
from sandbox.orb.webhooks import dispatch, headers, sent_at, waits
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call
from sandbox.webhooks import Target

__all__ = [
    "add",
    "create",
    "delete",
    "disable",
    "enable",
    "fetch",
    "list_all",
    "send_test",
    "show",
    "update",
]

GREETING = "A test webhook from Orb. Happy testing!"


def create(call: Call) -> Decision:
    """POST /webhook_endpoints: the secret is told here, and nowhere again."""
    target = _added(call.account, call.body, call.now)
    shown = {**_shown(target), "secret": target.secret}
    return Decision(Reply.json(shown, 201))


def list_all(call: Call) -> Decision:
    """GET /webhook_endpoints, newest first."""
    webhooks = call.account.webhooks
    return Decision(listed(call, webhooks.known, webhooks.targets, _shown))


def fetch(call: Call) -> Decision:
    return Decision(Reply.json(_shown(_found(call))))


def update(call: Call) -> Decision:
    """PUT /webhook_endpoints/{id}: what is left out stays (rule orb.webhook-endpoint.update)."""
    target = _found(call)
    url = call.body.get("url")
    if url is not None:
        _refuse_url(call.account, url)
        target.url = url
    target.style = call.body.get("payload_style") or target.style
    if "enabled_event_types" in call.body:
        target.types = _types(call.body)
    return Decision(Reply.json(_shown(target)))


def delete(call: Call) -> Decision:
    del call.account.webhooks.targets[_found(call).id]
    return Decision(Reply(204, b"", None))


def enable(call: Call) -> Decision:
    return _switched(call, enabled=True)


def disable(call: Call) -> Decision:
    return _switched(call, enabled=False)


def add(account: Account, arguments: Mapping[str, Any], now: datetime) -> Any:
    """A new endpoint, as a person makes one on the web page. Raises BadValue."""
    schema = account.room.contract.endpoint("create-webhook-endpoint").request
    assert schema is not None  # the contract gives it one
    wrong = violations(arguments, schema, rule="orb.webhook-endpoint.structure")
    if wrong:
        raise BadValue(wrong[0].path, wrong[0].value, f"of an endpoint: {wrong[0].message}")
    try:
        target = _added(account, arguments, now)
    except Refusal as refusal:
        why = refusal.decision.findings[0]
        raise BadValue(why.path, why.value, f"possible: {why.message}") from refusal
    return {**_shown(target), "secret": target.secret}


def send_test(account: Account, arguments: Mapping[str, Any], now: datetime) -> Any:
    """resource_event.test to one endpoint, or to all (rule orb.webhook.test)."""
    targets = account.webhooks.targets
    id = arguments.get("endpoint_id")
    if id is not None and (not isinstance(id, str) or id not in targets):
        raise BadValue("endpoint_id", id, "the id of a webhook endpoint")
    wanted = [targets[id]] if id is not None else list(targets.values())
    dispatch(account, Happening("resource_event.test", now, None, {"message": GREETING}), wanted)
    return {"sent": len(wanted)}


def show(account: Account, _: Mapping[str, Any], now: datetime) -> Any:
    """The endpoints, the retries, and each message as it would be sent now."""
    account.collect(None, now)
    webhooks = account.webhooks
    return {
        "endpoints": [_shown(target) for target in webhooks.targets.values()],
        "retries": [durations.text(wait) for wait in waits(account.settings)],
        "messages": [
            {
                "endpoint_id": target.id,
                "headers": headers(account, target, delivery.message),
                "sent_at": sent_at(account).isoformat().replace("+00:00", "Z"),
                "body": json.loads(delivery.message.body),
            }
            for delivery in webhooks.deliveries
            if (target := webhooks.targets.get(delivery.message.target)) is not None
        ],
    }


def _added(account: Account, given: Mapping[str, Any], now: datetime) -> Target:
    _refuse_url(account, given["url"])
    most = account.settings["orb.webhook-endpoint.most"]
    if len(account.webhooks.targets) >= most:
        why = f"An account can have at most {most} webhook endpoints."
        raise _refused(why, "$", most, "orb.webhook-endpoint.most")
    style = given.get("payload_style") or "expanded"
    id, secret = account.id(), account.id(43)
    target = Target(id, given["url"], secret, now, _types(given), style)
    account.webhooks.add(target)
    return target


def _types(given: Mapping[str, Any]) -> tuple[str, ...] | None:
    types = given.get("enabled_event_types")
    return None if types is None else tuple(types)


def _refuse_url(account: Account, url: str) -> None:
    only = account.settings["orb.webhook-endpoint.url"] == "https"
    if only and not url.lower().startswith("https://"):
        why = f"{url!r} is not an HTTPS URL."
        raise _refused(why, "$.url", url, "orb.webhook-endpoint.url")


def _refused(why: str, path: str, value: Any, rule: str) -> Refusal:
    return Refusal(errors.constraint(why), [Violation(path, why, value, rule)])


def _switched(call: Call, *, enabled: bool) -> Decision:
    target = _found(call)
    target.enabled = enabled
    return Decision(Reply.json(_shown(target)))


def _found(call: Call) -> Target:
    id = call.request.params["webhook_endpoint_id"]
    target = call.account.webhooks.targets.get(id)
    if target is None:
        finding = Violation("$", f"no webhook endpoint {id!r}", id, "orb.webhook-endpoint.missing")
        raise Refusal(errors.missing_resource("WebhookEndpoint", id), [finding])
    return target


def _shown(target: Target) -> dict[str, Any]:
    return {
        "id": target.id,
        "created_at": target.created.replace(microsecond=0).isoformat(),
        "enabled": target.enabled,
        "enabled_event_types": None if target.types is None else list(target.types),
        "payload_style": target.style,
        "url": target.url,
    }
