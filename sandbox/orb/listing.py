"""Orb's lists: newest first, by limit and cursor, narrowed by time of creation and more."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import ge, gt, le, lt
from typing import Any

from contracts.conformance import json_path
from contracts.model import Violation
from sandbox.orb import errors
from sandbox.reply import Refusal, Reply
from sandbox.room import Call

__all__ = ["chosen", "instant", "limit", "listed", "moments", "refused"]

Shown = Mapping[str, Any]
Fits = Callable[[datetime], bool]
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"gte": ge, "gt": gt, "lt": lt, "lte": le}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
DEFAULT, MOST = 20, 100


def listed(
    call: Call, ids: Sequence[str], rows: Mapping[str, Any], shown: Callable[[Any], Shown]
) -> Reply:
    """A page of `rows`, the newest first; `ids` are those of every row there ever was, oldest
    first, so that a cursor holds though its row has gone (rule orb.list)."""
    most = limit(call)
    end = _end(call, ids)
    found = [id for id in reversed(ids[:end]) if id in rows]
    page, more = found[:most], len(found) > most
    metadata = {"has_more": more, "next_cursor": _cursor(page[-1]) if more else None}
    data = [shown(rows[id]) for id in page]
    return Reply.json({"data": data, "pagination_metadata": metadata})


def moments(call: Call) -> Fits:
    """What created_at[gte], [gt], [lt] and [lte] leave (rule orb.list.created-at)."""
    bounds = []
    for name, compare in COMPARISONS.items():
        text = call.request.query.get(f"created_at[{name}]")
        if text is not None:
            bound = instant(f"created_at[{name}]", text, "orb.list.created-at")
            bounds.append((compare, bound))
    return lambda at: all(compare(at, bound) for compare, bound in bounds)


def chosen(call: Call, name: str, known: Sequence[str], rule: str) -> str | None:
    """A filter of the query that takes one of a few words; None when it is not given."""
    value = call.request.query.get(name)
    if value is not None and value not in known:
        raise refused(name, f"{value!r} is not one of {list(known)!r}", value, rule)
    return value


def limit(call: Call) -> int:
    """How many rows a page has (rule orb.list)."""
    text = call.request.query.get("limit")
    if text is None:
        return DEFAULT
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        raise refused("limit", f"{text!r} is not of type 'integer'", text, "orb.list")
    if int(text) < 1:
        raise refused("limit", f"{int(text)} is less than the minimum of 1", text, "orb.list")
    if int(text) > MOST:
        why = f"{int(text)} is greater than the maximum of {MOST}"
        raise refused("limit", why, text, "orb.list")
    return int(text)


def _end(call: Call, ids: Sequence[str]) -> int:
    """How many of the oldest ids are left to show after the cursor's."""
    cursor = call.request.query.get("cursor")
    if cursor is None:
        return len(ids)
    try:
        return ids.index(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    except ValueError:
        why = f"{cursor!r} is not a cursor of this list"
        raise refused("cursor", why, cursor, "orb.list.cursor") from None


def _cursor(id: str) -> str:
    return urlsafe_b64encode(id.encode()).decode().rstrip("=")


def instant(name: str, text: str, rule: str) -> datetime:
    """A time in the query: with its offset, as times in bodies are."""
    if MOMENT.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    hint = "; a + in a query is written %2B" if " " in text else ""
    raise refused(name, f"{text!r} is not a 'date-time'", text, rule, hint)


def refused(name: str, why: str, value: str, rule: str, hint: str = "") -> Refusal:
    """A 400 about one parameter of the query."""
    finding = Violation(json_path([name]), why + hint, value, rule)
    return Refusal(errors.validation(why), [finding])
