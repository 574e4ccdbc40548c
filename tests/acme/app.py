"""Acme's room: it records, replaces, removes and fetches usage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from contracts.model import Contract, Endpoint, Violation
from sandbox.account import Account
from sandbox.auth import Problem
from sandbox.body import Unreadable
from sandbox.idempotency import Policy, once
from sandbox.limits import Window
from sandbox.reply import Decision, Effects, Refusal, Reply, Request, Usage
from sandbox.room import Call, Room

__all__ = ["create_room"]


@dataclass
class State:
    events: dict[str, dict[str, Any]] = field(default_factory=dict)


class Words:
    def unauthorized(self, problem: Problem, _: Request) -> Reply:
        return error(401, f"credential {problem}")

    def unknown_path(self, request: Request) -> Reply:
        return error(404, f"no {request.path}")

    def wrong_method(self, _: Request, allowed: Sequence[str]) -> Reply:
        return error(405, f"use {' or '.join(allowed)}")

    def unreadable(self, fault: Unreadable, _: Endpoint) -> Reply:
        return error(413 if fault.fault == "too-large" else 400, "unreadable")

    def violating(self, found: Sequence[Violation], _: Any, __: Endpoint) -> Reply:
        return error(400, f"{len(found)} mistakes")

    def limited(self, window: Window, now: datetime) -> Reply:
        return error(429, f"again in {window.retry_after(now)} s")

    def failing(self, status: int, retry_after: int | None) -> Reply:
        told = error(status, "failing")
        if retry_after is not None:
            told.headers = ((b"retry-after", str(retry_after).encode()),)
        return told


def error(status: int, words: str) -> Reply:
    return Reply.json({"error": words}, status)


def create_room(contract: Contract) -> Room:
    policy = Policy(
        rule="acme.idempotency",
        kept=timedelta(hours=1),
        misused=lambda key: error(409, f"{key} was used"),
        replayed=((b"replayed", b"true"),),
        longest=20,
        too_long=lambda _: error(400, "key too long"),
        busy=lambda key: error(409, f"{key} is under way"),
    )
    return Room(
        contract,
        state=State,
        operations={
            "record-usage": once(record, policy),
            "replace-usage": replace,
            "remove-usage": remove,
            "fetch-usage": fetch,
            "status": lambda _: Decision(Reply.text("OK")),
        },
        words=Words(),
        dashboard={"note": note, "count": count},
        events=lambda body: len(body["events"]) if body and "events" in body else 0,
        salvage=salvage,
    )


def record(call: Call) -> Decision:
    events = call.body["events"]
    if len(events) > call.setting("acme.usage.most"):
        finding = Violation("$.events", "too many events", len(events), "acme.usage.most")
        raise Refusal(error(413, "too many"), [finding], _rejected(events, "acme.usage.most"))
    kept: dict[str, list[Usage]] = {"accepted": [], "late": [], "duplicate": []}
    for event in events:
        kept[_outcome(call, event)].append(_usage(event))
        call.account.state.events.setdefault(event["id"], event)
    rules = {"accepted": None, "late": "acme.usage.late", "duplicate": "acme.usage.duplicate"}
    groups = [
        Effects("accepted", kept["accepted"]),
        Effects("late", kept["late"], rules["late"]),
        Effects("duplicate", kept["duplicate"], rules["duplicate"]),
    ]
    reply = Reply.json({"recorded": len(events), "receipt": call.account.id()})
    return Decision(reply, tuple(group for group in groups if group.items))


def _outcome(call: Call, event: Mapping[str, Any]) -> str:
    if event["id"] in call.account.state.events:
        return "duplicate"
    late = call.now - datetime.fromisoformat(event["at"]) > call.setting("acme.usage.late")
    return "late" if late and not call.setting("acme.usage.keep-late") else "accepted"


def replace(call: Call) -> Decision:
    id = _known(call)
    event = {**call.body, "id": id}
    call.account.state.events[id] = event
    reply = Reply.json({"recorded": 1, "receipt": call.account.id()})
    return Decision(reply, (Effects("updated", [_usage(event)]),))


def remove(call: Call) -> Decision:
    event = call.account.state.events.pop(_known(call))
    return Decision(Reply(204, b"", None), (Effects("removed", [_usage(event)]),))


def fetch(call: Call) -> Decision:
    return Decision(Reply.json(call.account.state.events[_known(call)]))


def _known(call: Call) -> str:
    id = call.request.params["id"]
    if id not in call.account.state.events:
        finding = Violation("$", f"no event {id!r}", id, "acme.usage.not-found")
        raise Refusal(error(404, f"no event {id}"), [finding])
    return id


def note(account: Account, arguments: Mapping[str, Any], now: datetime) -> Any:
    account.state.events[arguments["id"]] = {**arguments, "at": now.isoformat()}
    return {"noted": arguments["id"]}


def count(account: Account, _: Mapping[str, Any], __: datetime) -> Any:
    return {"events": len(account.state.events)}


def salvage(body: Any, _: Endpoint) -> Sequence[Usage]:
    events = body.get("events") if isinstance(body, dict) else None
    kept = events if isinstance(events, list) else []
    return [_usage(event) for event in kept if isinstance(event, dict)]


def _rejected(events: Sequence[Any], rule: str) -> tuple[Effects, ...]:
    return (Effects("rejected", [_usage(event) for event in events], rule),)


def _usage(event: Mapping[str, Any]) -> Usage:
    quantity = event.get("quantity")
    return Usage(
        str(event.get("id")),
        event.get("customer"),
        event.get("meter"),
        quantity if isinstance(quantity, int | float) else 0,
    )
