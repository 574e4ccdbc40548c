"""What is shown of exchanges, ledgers and accounts: JSON, with secrets veiled."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson

from contracts import durations
from contracts.model import Rule, Violation
from sandbox.account import Account
from sandbox.auth import credentials, redacted
from sandbox.body import readable
from sandbox.clock import iso
from sandbox.excerpt import excerpt
from sandbox.journal import Exchange
from sandbox.ledger import Entry, Total
from sandbox.reply import Effects, Request, Usage
from sandbox.veil import Veil, named_secret, names_key
from sandbox.webhooks import Delivery, Target

__all__ = [
    "account",
    "body",
    "dumps",
    "exchange",
    "ledger",
    "rule",
    "settings",
    "summary",
    "webhooks",
]


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
    veil = _veil(told.request, of)
    return {
        **summary(told, of),
        "request": _request(told.request, veil),
        "response": {
            "status": told.reply.status,
            "headers": veil.headers(dict(told.reply.headers)),
            "media": told.reply.media,
            "body": veil.body(told.reply.body),
        },
        "findings": [_finding(found, of, veil) for found in told.findings],
        "effects": [row for effects in told.effects for row in _effects(effects, veil)],
    }


def body(told: Exchange, of: Account, side: str) -> str:
    """The whole body of the `request` or the `response`, however large."""
    sent = readable(told.request) if side == "request" else told.reply.body
    return _veil(told.request, of).body(sent, len(sent))


def summary(told: Exchange, of: Account) -> dict[str, Any]:
    """One exchange in a line: what a list shows."""
    outcomes: dict[str, int] = {}
    for effects in told.effects:
        outcomes[effects.outcome] = outcomes.get(effects.outcome, 0) + len(effects.items)
    return {
        "id": told.id,
        "vendor": told.vendor,
        "account": redacted(of.key),
        "handle": of.handle,
        "time": iso(told.at),
        "endpoint": told.endpoint,
        "method": told.request.method,
        "path": _path(told, of),
        "status": told.reply.status,
        "verdict": told.verdict,
        "fault": told.fault.kind if told.fault is not None else None,
        "outcomes": outcomes,
        "rules": sorted({found.rule for found in told.findings}),
    }


def _path(told: Exchange, of: Account) -> str:
    path = told.request.path
    # What the contract spells out holds no secret, and a list need not read every body for it.
    if told.endpoint is not None and path in of.room.contract.endpoint(told.endpoint).paths:
        return path
    return _veil(told.request, of).path(path)


def _veil(request: Request, of: Account) -> Veil:
    """Hides every key that a request shows, be it this account's, another's or nobody's."""
    in_path = (value for name, value in request.params.items() if names_key(name))
    presented = credentials(request, of.room.contract.auth)
    return Veil({of.key, *presented, *in_path, *of.webhooks.secrets})


def ledger(of: Account, entries: Iterable[Entry], totals: Iterable[Total]) -> dict[str, Any]:
    veil = Veil([of.key])
    return {
        "entries": [
            {
                **_usage(entry.usage, veil),
                "outcome": entry.outcome,
                "rule": entry.rule,
                "time": iso(entry.at),
                "exchange": _named(entry.exchange, of),
                "replaced": [_usage(usage, veil) for usage in entry.replaced],
            }
            for entry in entries
        ],
        "totals": [
            {
                "customer": veil.node(total.customer),
                "meter": veil.node(total.meter),
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
    veil = Veil([of.key, *of.webhooks.secrets])
    targets = [_target(target) for target in of.webhooks.targets.values()]
    return {
        "targets": [{**target, "url": veil.text(target["url"])} for target in targets],
        "deliveries": veil.node([_delivery(told) for told in of.webhooks.deliveries]),
        "dropped": of.webhooks.dropped,
    }


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
        "body": message.body.decode("utf-8", "backslashreplace"),
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


def _finding(found: Violation, of: Account, veil: Veil) -> dict[str, Any]:
    rule = of.room.contract.rules[found.rule]
    value = found.value
    if isinstance(value, str) and named_secret(found.path.rpartition(".")[2]):
        veil = veil.and_also(value)
        value = veil.field(found.path.rpartition(".")[2], value)
    return {
        "path": veil.text(found.path),
        "message": veil.text(found.message),
        "value": excerpt(value, veil, dumps),
        "rule": found.rule,
        "source": rule.source,
        "confidence": rule.confidence,
        "suggestion": veil.node(found.suggestion),
    }


def _effects(effects: Effects, veil: Veil) -> Iterable[dict[str, Any]]:
    for item in effects.items:
        for usage in effects.usages(item):
            yield {**_usage(usage, veil), "outcome": effects.outcome, "rule": effects.rule}


def _usage(usage: Usage, veil: Veil) -> dict[str, Any]:
    return {
        "event": veil.node(usage.event),
        "customer": veil.node(usage.customer),
        "meter": veil.node(usage.meter),
        "quantity": usage.quantity,
    }


def _request(request: Request, veil: Veil) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": veil.path(request.path),
        "query": veil.query(request.query_string.decode("latin-1")),
        "headers": veil.headers(request.headers),
        "body": veil.body(readable(request)),
    }
