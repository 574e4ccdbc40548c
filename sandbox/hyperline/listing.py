"""Hyperline's two ways of listing: v1 by take and skip, v2 by limit and cursor."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.model import Violation
from sandbox.hyperline import errors
from sandbox.hyperline.customers import shown
from sandbox.hyperline.filters import selected
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

__all__ = ["list_v1", "list_v2"]

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
FAR = 10**9

Customer = Mapping[str, Any]


def list_v1(call: Call) -> Decision:
    """GET /v1/customers (rule hyperline.customer.list)."""
    query = call.request.query
    take = _number(query, "take", 50, 0, 100, "hyperline.customer.list")
    skip = _number(query, "skip", 0, 0, FAR, "hyperline.customer.list")
    every = _newest_first(call)
    page = every[skip : skip + take]
    taken = len(page)
    if not page and call.setting("hyperline.customer.list-taken") == "asked":
        taken = take
    meta = {"total": len(every), "taken": taken, "skipped": skip}
    return Decision(Reply.json({"meta": meta, "data": [shown(c, 1) for c in page]}))


def list_v2(call: Call) -> Decision:
    """GET /v2/customers (rule hyperline.customer.list-v2)."""
    query = call.request.query
    limit = _number(query, "limit", 50, 1, 100, "hyperline.customer.list-v2")
    every = _newest_first(call)
    start = _after(query.get("cursor"), every)
    page = every[start : start + limit]
    more = start + limit < len(every)
    answer: dict[str, Any] = {
        "data": [shown(customer, 2) for customer in page],
        "next_cursor": _cursor(page[-1]) if more else None,
        "has_more": more,
    }
    if _flag(query, "include_total"):
        answer["total"] = len(every)
    return Decision(Reply.json(answer))


def _newest_first(call: Call) -> list[Customer]:
    customers = reversed(call.account.state.customers.values())
    return selected(list(customers), call.request.query)


def _number(
    query: Mapping[str, str], name: str, default: int, least: int, most: int, rule: str
) -> int:
    """A number of the query as JavaScript reads one, nothing being 0. Raises Refusal."""
    if name not in query:
        return default
    text = query[name].strip()
    if not text or NUMBER.fullmatch(text):
        value = float(text or 0)
        if least <= value <= most:
            return int(value)
    why = f"{name} is a number from {least} to {most}"
    finding = Violation(f"$.{name}", why, query[name], rule)
    raise Refusal(errors.invalid([finding]), [finding])


def _flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false")
    if text in ("true", "false"):
        return text == "true"
    finding = Violation(f"$.{name}", f"{name} is true or false", text, "hyperline.customer.list-v2")
    raise Refusal(errors.invalid([finding]), [finding])


def _cursor(customer: Customer) -> str:
    return urlsafe_b64encode(customer["id"].encode()).decode().rstrip("=")


def _after(cursor: str | None, every: Sequence[Customer]) -> int:
    """The index that follows the customer a cursor stands for."""
    if cursor is None:
        return 0
    for index, customer in enumerate(every):
        if _cursor(customer) == cursor:
            return index + 1
    why = "no page of this list ended with that cursor"
    finding = Violation("$.cursor", why, cursor, "hyperline.customer.list-v2")
    raise Refusal(errors.invalid([finding]), [finding])
