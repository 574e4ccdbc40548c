"""What is shown of exchanges, ledgers and accounts: JSON, with keys redacted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson

from contracts import durations
from contracts.model import Rule, Violation
from sandbox.account import Account
from sandbox.auth import redacted
from sandbox.body import Unreadable, content
from sandbox.clock import iso
from sandbox.journal import Exchange
from sandbox.ledger import Entry, Total
from sandbox.reply import Effects, Request, Usage
from sandbox.webhooks import Delivery, Target

__all__ = ["account", "dumps", "exchange", "ledger", "rule", "settings", "summary", "webhooks"]

SECRET = frozenset({b"authorization", b"x-api-key", b"cookie", b"proxy-authorization"})
SHOWN = 500


def dumps(value: Any) -> bytes:
    """JSON; a Decimal keeps every digit."""
    return orjson.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    if isinstance(value, timedelta):
        return durations.text(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def exchange(told: Exchange, of: Account) -> dict[str, Any]:
    """One exchange whole: request, answer, verdict, findings, effects."""
    shown = {
        **summary(told, of),
        "request": _request(told.request, of.key),
        "response": {
            "status": told.reply.status,
            "headers": _headers(dict(told.reply.headers), of.key),
            "media": told.reply.media,
            "body": _veiled(_text(told.reply.body), of.key),
        },
        "findings": [_finding(found, of) for found in told.findings],
        "effects": [row for effects in told.effects for row in _effects(effects, of.key)],
    }
    for secret in of.webhooks.secrets:
        shown = _veiled(shown, secret)
    return shown


def summary(told: Exchange, of: Account) -> dict[str, Any]:
    """One exchange in a line: what a list shows."""
    outcomes: dict[str, int] = {}
    for effects in told.effects:
        outcomes[effects.outcome] = outcomes.get(effects.outcome, 0) + len(effects.items)
    return {
        "id": told.id,
        "vendor": told.vendor,
        "account": redacted(of.key),
        "time": iso(told.at),
        "endpoint": told.endpoint,
        "method": told.request.method,
        "path": _veiled(told.request.path, of.key),
        "status": told.reply.status,
        "verdict": told.verdict,
        "fault": told.fault.kind if told.fault is not None else None,
        "outcomes": outcomes,
        "rules": sorted({found.rule for found in told.findings}),
    }


def ledger(of: Account, entries: Iterable[Entry], totals: Iterable[Total]) -> dict[str, Any]:
    return {
        "entries": [
            {
                **_usage(entry.usage, of.key),
                "outcome": entry.outcome,
                "rule": entry.rule,
                "time": iso(entry.at),
                "exchange": _named(entry.exchange, of),
            }
            for entry in entries
        ],
        "totals": [
            {
                "customer": _veiled(total.customer, of.key),
                "meter": _veiled(total.meter, of.key),
                "quantity": total.quantity,
                "events": total.events,
            }
            for total in totals
        ],
        "dropped": of.ledger.dropped,
    }


def account(of: Account) -> dict[str, Any]:
    return {
        "vendor": of.vendor,
        "account": redacted(of.key),
        "handle": of.handle,
        "exchanges": of.journal.next - 1,
        "dropped": of.journal.dropped,
        "clock": {"now": iso(of.clock.now()), "frozen": of.clock.frozen},
        "faults": len(of.faults.pending()),
    }


def webhooks(of: Account) -> dict[str, Any]:
    """Who is told on this account, and every delivery that is kept, oldest first."""
    shown = {
        "targets": [_target(target) for target in of.webhooks.targets.values()],
        "deliveries": [_delivery(delivery) for delivery in of.webhooks.deliveries],
        "dropped": of.webhooks.dropped,
    }
    for secret in (of.key, *of.webhooks.secrets):
        shown = _veiled(shown, secret)
    return shown


def _target(target: Target) -> dict[str, Any]:
    return {
        "id": target.id,
        "url": target.url,
        "secret": redacted(target.secret),
        "created": iso(target.created),
        "types": target.types,
        "style": target.style,
        "enabled": target.enabled,
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    message = delivery.message
    return {
        "delivery": delivery.number,
        "message": message.id,
        "type": message.type,
        "target": message.target,
        "time": iso(message.at),
        "body": _text(message.body),
        "resent": delivery.resent,
        "outcome": delivery.outcome,
        "attempts": [
            {"time": iso(attempt.at), "status": attempt.status, "why": attempt.why}
            for attempt in delivery.attempts
        ],
    }


def settings(of: Account) -> dict[str, Any]:
    """Each switch of the account: its value, its default and what it may be."""
    told = {}
    for name, value in of.settings.items():
        switch = of.room.contract.rules[name].switch
        assert switch is not None
        told[name] = {"value": value, "default": switch.default, "kind": switch.kind}
        if switch.values:
            told[name]["values"] = switch.values
    return told


def rule(of: Rule) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": of.id,
        "sentence": of.sentence,
        "confidence": of.confidence,
        "source": of.source,
        "read": of.read,
    }
    if of.switch is not None:
        told["switch"] = {"kind": of.switch.kind, "default": of.switch.default}
        if of.switch.values:
            told["switch"]["values"] = of.switch.values
    return told


def _named(exchange: int, of: Account) -> str | None:
    return f"{of.vendor}-{of.handle}-{exchange}" if exchange else None


def _finding(found: Violation, of: Account) -> dict[str, Any]:
    rule = of.room.contract.rules[found.rule]
    return {
        "path": _veiled(found.path, of.key),
        "message": _veiled(found.message, of.key),
        "value": _short(_veiled(found.value, of.key)),
        "rule": found.rule,
        "source": rule.source,
        "confidence": rule.confidence,
        "suggestion": found.suggestion,
    }


def _effects(effects: Effects, key: str) -> Iterable[dict[str, Any]]:
    for item in effects.items:
        for usage in effects.usages(item):
            yield {**_usage(usage, key), "outcome": effects.outcome, "rule": effects.rule}


def _usage(usage: Usage, key: str) -> dict[str, Any]:
    return {
        "event": _veiled(usage.event, key),
        "customer": _veiled(usage.customer, key),
        "meter": _veiled(usage.meter, key),
        "quantity": usage.quantity,
    }


def _request(request: Request, key: str) -> dict[str, Any]:
    try:
        body = content(request)
    except Unreadable:
        body = request.body
    return {
        "method": request.method,
        "path": _veiled(request.path, key),
        "query": _veiled(request.query_string.decode("latin-1"), key),
        "headers": _headers(request.headers, key),
        "body": _veiled(_text(body), key),
    }


def _headers(headers: Mapping[bytes, bytes], key: str) -> dict[str, str]:
    return {
        name.decode("latin-1"): redacted(text) if name in SECRET else _veiled(text, key)
        for name, text in ((k, v.decode("latin-1")) for k, v in headers.items())
    }


def _veiled(node: Any, key: str) -> Any:
    """A text, or JSON, in which the account's key cannot be read."""
    if len(key) <= 3:
        return node
    if isinstance(node, str):
        return node.replace(key, redacted(key))
    if isinstance(node, Mapping):
        return {_veiled(name, key): _veiled(value, key) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [_veiled(item, key) for item in node]
    return node


def _text(body: bytes) -> str:
    return body.decode("utf-8", "backslashreplace")


def _short(value: Any) -> Any:
    """A value as a finding shows it: whole when it is small."""
    text = dumps(value).decode()
    return value if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
