"""What is shown of exchanges, ledgers and accounts: JSON, with keys redacted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson

from contracts import durations
from contracts.model import Contract, Rule, Violation
from sandbox.account import Account
from sandbox.auth import redacted
from sandbox.body import Unreadable, content
from sandbox.clock import iso
from sandbox.journal import Exchange
from sandbox.ledger import Entry, Total
from sandbox.reply import Effects, Request, Usage

__all__ = ["account", "dumps", "exchange", "ledger", "rule", "settings", "summary"]

SECRET = frozenset({b"authorization", b"x-api-key", b"cookie", b"proxy-authorization"})
SHOWN = 500


def dumps(value: Any) -> bytes:
    """JSON; a Decimal keeps every digit."""
    return orjson.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    if isinstance(value, timedelta):
        return durations.text(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def exchange(told: Exchange, of: Account) -> dict[str, Any]:
    """One exchange whole: request, answer, verdict, findings, effects."""
    return {
        **summary(told, of),
        "request": _request(told.request, of.key),
        "response": {
            "status": told.reply.status,
            "headers": {k.decode("latin-1"): v.decode("latin-1") for k, v in told.reply.headers},
            "media": told.reply.media,
            "body": _hidden(_text(told.reply.body), of.key),
        },
        "findings": [_finding(found, of.room.contract) for found in told.findings],
        "effects": [row for effects in told.effects for row in _effects(effects)],
    }


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
        "path": _hidden(told.request.path, of.key),
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
                **_usage(entry.usage),
                "outcome": entry.outcome,
                "rule": entry.rule,
                "time": iso(entry.at),
                "exchange": f"{of.vendor}-{of.handle}-{entry.exchange}",
            }
            for entry in entries
        ],
        "totals": [
            {
                "customer": total.customer,
                "meter": total.meter,
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


def _finding(found: Violation, contract: Contract) -> dict[str, Any]:
    rule = contract.rules[found.rule]
    return {
        "path": found.path,
        "message": found.message,
        "value": _short(found.value),
        "rule": found.rule,
        "source": rule.source,
        "confidence": rule.confidence,
        "suggestion": found.suggestion,
    }


def _effects(effects: Effects) -> Iterable[dict[str, Any]]:
    for item in effects.items:
        usage = _usage(effects.usage(item))
        yield {**usage, "outcome": effects.outcome, "rule": effects.rule}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "event": usage.event,
        "customer": usage.customer,
        "meter": usage.meter,
        "quantity": usage.quantity,
    }


def _request(request: Request, key: str) -> dict[str, Any]:
    try:
        body = content(request)
    except Unreadable:
        body = request.body
    return {
        "method": request.method,
        "path": _hidden(request.path, key),
        "query": _hidden(request.query_string.decode("latin-1"), key),
        "headers": _headers(request.headers),
        "body": _hidden(_text(body), key),
    }


def _headers(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    return {
        name.decode("latin-1"): redacted(text) if name in SECRET else text
        for name, text in ((k, v.decode("latin-1")) for k, v in headers.items())
    }


def _hidden(text: str, key: str) -> str:
    """A text in which the account's key cannot be read."""
    return text.replace(key, redacted(key)) if len(key) > 3 else text


def _text(body: bytes) -> str:
    return body.decode("utf-8", "backslashreplace")


def _short(value: Any) -> Any:
    """A value as a finding shows it: whole when it is small."""
    text = dumps(value).decode()
    return value if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
