"""Hyperline's third way of listing, which is its webhooks': by limit and iterator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sandbox.hyperline.queries import number, refused
from sandbox.reply import Decision, Reply
from sandbox.room import Call

__all__ = ["iterated"]

RULE = "hyperline.webhook.list"
Item = TypeVar("Item")


def iterated(
    call: Call, ids: Sequence[str], rows: Mapping[str, Item], shown: Callable[[Item], Any]
) -> Decision:
    """The page that limit and iterator ask for (rule hyperline.webhook.list).

    `ids` are those of all items there ever were, first to last as they are listed; `rows` those
    that are there and wanted.
    """
    query = call.request.query
    limit = number(query, "limit", 50, 1, 250, RULE)
    rest = [id for id in ids[_after(query.get("iterator"), ids) :] if id in rows]
    more = len(rest) > limit
    meta = {"iterator": rest[limit - 1] if more else None}
    page = [shown(rows[id]) for id in rest[:limit]]
    return Decision(Reply.json({"meta": meta, "data": page}))


def _after(iterator: str | None, ids: Sequence[str]) -> int:
    if iterator is None:
        return 0
    if iterator in ids:
        return ids.index(iterator) + 1
    raise refused("iterator", "no page of this list ended with that iterator", iterator, RULE)
