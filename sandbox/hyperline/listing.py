"""Hyperline's two ways of listing: v1 by take and skip, v2 by limit and cursor."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.hyperline.filters import selected
from sandbox.hyperline.particulars import shown
from sandbox.hyperline.queries import FAR, number, one_of, refused
from sandbox.hyperline.state import State
from sandbox.reply import Decision, Reply
from sandbox.room import Call

__all__ = ["list_v1", "list_v2", "taken"]

V2 = "hyperline.customer.list-v2"

Customer = Mapping[str, Any]
Place = tuple[str, int]


def list_v1(call: Call) -> Decision:
    """GET /v1/customers (rule hyperline.customer.list)."""
    customers = reversed(call.account.state.customers.values())
    every = selected(list(customers), call.request.query)
    return taken(call, [shown(customer, 1) for customer in every], "hyperline.customer.list")


def taken(call: Call, every: Sequence[Any], rule: str) -> Decision:
    """The page of v1 that take and skip ask for."""
    query = call.request.query
    take = number(query, "take", 50, 0, 100, rule)
    skip = number(query, "skip", 0, 0, FAR, rule)
    page = every[skip : skip + take]
    count = len(page)
    if not page and call.setting("hyperline.customer.list-taken") == "asked":
        count = take
    meta = {"total": len(every), "taken": count, "skipped": skip}
    return Decision(Reply.json({"meta": meta, "data": page}))


def list_v2(call: Call) -> Decision:
    """GET /v2/customers (rule hyperline.customer.list-v2)."""
    state, query = call.account.state, call.request.query
    limit = number(query, "limit", 50, 1, 100, V2)
    sort = one_of(query, "sort", ("created_at", "updated_at"), V2)
    ascending = one_of(query, "order", ("desc", "asc"), V2) == "asc"
    after = _after(query.get("cursor"))
    found = selected(list(state.customers.values()), query)
    places = sorted(((_place(c, sort, state), c) for c in found), key=_first, reverse=not ascending)
    rest = [
        (place, customer)
        for place, customer in places
        if after is None or (place > after if ascending else place < after)
    ]
    more = len(rest) > limit
    answer: dict[str, Any] = {
        "data": [shown(customer, 2) for _, customer in rest[:limit]],
        "next_cursor": _cursor(rest[limit - 1][0]) if more else None,
        "has_more": more,
    }
    if one_of(query, "include_total", ("false", "true"), V2) == "true":
        answer["total"] = len(found)
    return Decision(Reply.json(answer))


def _first(pair: tuple[Place, Customer]) -> Place:
    return pair[0]


def _place(customer: Customer, sort: str, state: State) -> Place:
    """Where a customer stands in a list: what it is sorted by, and which customer it is."""
    return customer[sort], state.numbers[customer["id"]]


def _cursor(place: Place) -> str:
    return urlsafe_b64encode(f"{place[0]} {place[1]}".encode()).decode().rstrip("=")


def _after(cursor: str | None) -> Place | None:
    """The place that a page ended with. Raises Refusal."""
    if cursor is None:
        return None
    try:
        moment, _, which = (
            urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
        )
        place = (moment, int(which))
    except ValueError:
        place = ("", -1)
    if _cursor(place) != cursor:
        raise refused("cursor", "no page of this list ended with that cursor", cursor, V2)
    return place
