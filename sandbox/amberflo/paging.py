"""GET /customers/paging: searched, sorted, one page at a time (rule amberflo.customer.paging)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from contracts.model import Violation
from sandbox.amberflo import errors
from sandbox.amberflo.customers import visible
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

__all__ = ["page"]

SEARCHED = ("customerId", "customerName", "customerEmail")
SORTED = ("id", *SEARCHED, "createTime", "updateTime")


@dataclass(frozen=True, slots=True)
class Wish:
    """What page of what list is asked for; `page` counts from 1."""

    limit: int
    page: int
    sort: str
    ascending: bool
    search: str


def page(call: Call) -> Decision:
    """One page, and where it stands in the whole."""
    wish = _wish(call.request.query)
    everyone = visible(call)
    word = wish.search.lower()
    matching = [c for c in everyone if any(word in c[name].lower() for name in SEARCHED)]
    matching.sort(key=lambda c: c[wish.sort], reverse=not wish.ascending)
    start = (wish.page - 1) * wish.limit
    metadata = {
        "totalRowCount": len(everyone),
        "filteredRowCount": len(matching),
        "limit": wish.limit,
        "page": wish.page,
        "totalFilteredPages": ceil(len(matching) / wish.limit),
        "isAscending": wish.ascending,
        "sort": wish.sort,
        "search": wish.search,
    }
    return Decision(
        Reply.json({"items": matching[start : start + wish.limit], "metadata": metadata})
    )


def _wish(query: Mapping[str, str]) -> Wish:
    sort = query.get("sort", "id")
    if sort not in SORTED:
        raise _refused("sort", sort, f"is not one of {', '.join(SORTED)}")
    ascending = query.get("isAscending", "true")
    if ascending not in ("true", "false"):
        raise _refused("isAscending", ascending, "is neither true nor false")
    return Wish(
        limit=_whole(query, "limit", 10),
        page=_whole(query, "page", 1),
        sort=sort,
        ascending=ascending == "true",
        search=query.get("search", ""),
    )


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and 0 < len(text) <= 9 and int(text) > 0):
        raise _refused(name, text, "is not a whole number from 1 to 999999999")
    return int(text)


def _refused(name: str, value: Any, why: str) -> Refusal:
    finding = Violation("$", f"{name} {why}", value, "amberflo.customer.paging-values")
    return Refusal(errors.invalid(finding.message), [finding])
