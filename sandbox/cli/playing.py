"""Plays Segment events through a running sandbox and reads from its ledgers what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import httpx
import orjson

from contracts import credentials
from contracts.cases import render
from contracts.reader import read
from sandbox.account import Account
from sandbox.acts import perform
from sandbox.app import Sandbox
from sandbox.journal import Exchange
from sandbox.staging import take

__all__ = ["Piece", "Row", "pieces", "play", "set_stage"]

RUN = "demo"


@dataclass(frozen=True)
class Piece:
    """Something to play: an event, its twin if it comes twice, and faults set for it."""

    title: str
    event: Mapping[str, Any]
    twin: Mapping[str, Any] | None = None
    write_key: str | None = None
    faults: Sequence[Mapping[str, Any]] = ()
    trouble: bool = False


@dataclass(frozen=True)
class Row:
    """What one event came to at one vendor. `tone` is good, bad or none."""

    title: str
    vendor: str
    request: str
    answer: str
    result: str
    tone: str
    rules: tuple[str, ...] = field(default=())


def pieces(now: datetime) -> list[Piece]:
    """The examples of the vendors' documents, and then what goes wrong, as of `now`."""
    examples = [Piece(_name(event), event) for event in _lines("examples.ndjson", now)]
    troubles = [Piece(**line, trouble=True) for line in _lines("troubles.ndjson", now)]
    return examples + troubles


def _lines(name: str, now: datetime) -> Iterator[dict[str, Any]]:
    """The file's JSON lines; `{{midnight}}` is the beginning of yesterday, UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = (midnight - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    for line in (files("fixtures") / "segment" / name).read_text(encoding="utf-8").splitlines():
        if line.strip():
            told = orjson.loads(line.replace("{{midnight}}", yesterday))
            yield render(told, now=now.replace(microsecond=0), run=RUN)


def _name(event: Mapping[str, Any]) -> str:
    what = event.get("event") or event.get("name") or event.get("userId") or ""
    return f"{event['type']} {what}".strip()


async def set_stage(sandbox: Sandbox, client: httpx.AsyncClient, name: str) -> int:
    """What a team does before its first event: customers, users, features. Answers how much."""
    stage = orjson.loads((files("fixtures") / "segment" / "stage.json").read_bytes())
    for step in stage:
        contract = read(step["vendor"])
        await take(step, sandbox.accounts.open(contract.vendor, contract.key(name)), client)
    return len(stage)


async def play(
    piece: Piece, sandbox: Sandbox, client: httpx.AsyncClient, source: str, name: str
) -> list[Row]:
    """Send the piece as an SDK would, and tell what came of it at each vendor."""
    assert sandbox.forwarding is not None
    for fault in piece.faults:
        contract = read(fault["vendor"])
        account = sandbox.accounts.open(contract.vendor, contract.key(name))
        perform(account, "add-fault", fault["fault"], account.clock.now())
    key = piece.write_key or read(source).key(name)
    account = sandbox.accounts.open(source, key)
    before = len(sandbox.forwarding.told(account))
    intake = [await _sent(event, key, sandbox, client, source) for event in _events(piece)]
    async with asyncio.timeout(30):
        await sandbox.forwarding.forwarder.drain()
    rows = [row for exchange in intake for row in _at_source(piece, exchange, source)]
    deliveries = sandbox.forwarding.told(account)[before:]
    return rows + [_row(piece, delivery, sandbox, name) for delivery in deliveries]


def _events(piece: Piece) -> list[Mapping[str, Any]]:
    return [piece.event] if piece.twin is None else [piece.event, piece.twin]


async def _sent(
    event: Mapping[str, Any], key: str, sandbox: Sandbox, client: httpx.AsyncClient, source: str
) -> Exchange:
    headers = credentials.headers(read(source).auth, key)
    response = await client.post(f"/{source}/v1/{event['type']}", json=event, headers=headers)
    exchange = sandbox.accounts.exchange(response.headers["x-meterbox-exchange"])
    assert exchange is not None
    return exchange


def _at_source(piece: Piece, exchange: Exchange, source: str) -> Iterator[Row]:
    """A row for what ended at the source: refused, dropped, or seen before."""
    rules = tuple(found.rule for found in exchange.findings)
    request, answer = f"POST {exchange.request.path}", str(exchange.reply.status)
    title = read(source).title
    if exchange.verdict == "refused":
        yield Row(piece.title, title, request, answer, "refused", "bad", rules)
    for effects in exchange.effects:
        if effects.outcome != "accepted":
            rule = (effects.rule,) if effects.rule else rules
            yield Row(piece.title, title, request, answer, effects.outcome, "bad", rule)


def _row(piece: Piece, delivery: Mapping[str, Any], sandbox: Sandbox, name: str) -> Row:
    contract = read(delivery["vendor"])
    if not delivery["requests"]:
        reason = str(delivery["reason"])
        rule = reason[reason.rfind("[") + 1 : -1] if reason.endswith("]") else delivery["code"]
        return Row(piece.title, contract.title, "-", "-", "not sent", "none", (rule,))
    account = sandbox.accounts.open(contract.vendor, contract.key(name))
    asked = delivery["requests"][-1]
    request = f"{asked['method']} {asked['path']}"
    tries = [str(attempt["status"] or "no reply") for attempt in delivery["attempts"]]
    result, tone, rules = _fate(account, delivery["requests"])
    return Row(piece.title, contract.title, request, ", ".join(tries), result, tone, rules)


def _fate(
    account: Account, requests: Sequence[Mapping[str, Any]]
) -> tuple[str, str, tuple[str, ...]]:
    """What the vendor's ledger says of these requests, over all their tries."""
    bodies = [request["body"] for request in requests]
    seen = [e for e in account.journal.after(0) if _body(e) in bodies]
    usages = account.ledger.billed()
    events = {
        effects.usages(item)[0].event
        for e in seen
        for effects in e.effects
        for item in effects.items
    }
    billed = [usage for event in sorted(events) for usage in usages.get(event, ())]
    rules = tuple(dict.fromkeys(found.rule for e in seen for found in e.findings))
    named = tuple(dict.fromkeys(ef.rule for e in seen for ef in e.effects if ef.rule))
    if billed:
        told = ", ".join(f"{u.quantity:g} {u.meter} for {u.customer}" for u in billed)
        again = ", once" if len(seen) > len(requests) else ""
        return f"billed {told}{again}", "good", named or rules
    outcomes = dict.fromkeys(ef.outcome for e in seen for ef in e.effects)
    if outcomes:
        return ", ".join(outcomes), "bad", rules or named
    refused = any(e.verdict == "refused" for e in seen)
    return ("refused", "bad", rules) if refused else ("taken, no usage in it", "none", rules)


def _body(exchange: Exchange) -> Any:
    try:
        return orjson.loads(exchange.request.body)
    except orjson.JSONDecodeError:
        return None
