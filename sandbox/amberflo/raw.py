"""GET /usage/events: the records that usage counts, one by one, as the time series holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.amberflo.counting import value_of
from sandbox.amberflo.parameters import flag, refused, whole
from sandbox.amberflo.records import Record, said
from sandbox.amberflo.rules import State
from sandbox.reply import Decision, Reply
from sandbox.room import Call

__all__ = ["events"]

RULE = "amberflo.usage.events-parameters"
LATEST = 32_503_680_000
PAGE, LARGEST = 100, 1_000
VALUE = "measure_value::double"
COLUMNS = ("customerId", "meterApiName", "measure_name", VALUE, "sourceTimeInMillis", "uniqueId")
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which records are asked for. `after` is the place of the last one shown and `seen` how many
    were; a place is a record's time and its number among all that came."""

    customer: str | None
    meter: str | None
    start: int | None
    end: int | None
    dimensions: Mapping[str, str]
    ascending: bool
    limit: int | None
    page: int
    after: Place | None
    seen: int

    def wants(self, record: Record) -> bool:
        at = record["meterTimeInMillis"]
        return (
            self.customer in (None, value_of(record, "customerId"))
            and self.meter in (None, record["meterApiName"])
            and (self.start is None or at >= self.start * 1_000)
            and (self.end is None or at < self.end * 1_000)
            and all(value_of(record, k) == v for k, v in self.dimensions.items())
        )

    def room(self) -> int:
        """How many rows this page may have."""
        return self.page if self.limit is None else max(0, min(self.page, self.limit - self.seen))


def events(call: Call) -> Decision:
    """One page of records and the token of the next (rules amberflo.usage.events and
    amberflo.usage.events-order)."""
    query = call.request.query
    wish = _wish(query)
    state: State = call.account.state
    placed = [
        ((int(record["meterTimeInMillis"]), number), record)
        for number, record in state.numbered()
        if wish.wants(record)
    ]
    placed.sort(key=lambda row: row[0], reverse=not wish.ascending)
    left = [row for row in placed if wish.after is None or _beyond(row[0], wish)]
    page = left[: wish.room()]
    seen = wish.seen + len(page)
    more = len(left) > len(page) and (wish.limit is None or seen < wish.limit)
    columns = [*COLUMNS, *_dimensions([record for _, record in page])]
    answer = {
        "query": _echo(query, wish),
        "nextPageToken": _token(page[-1][0], seen) if more and page else None,
        "columns": columns,
        "rows": [[_cell(record, name) for name in columns] for _, record in page],
    }
    return Decision(Reply.json(answer))


def _beyond(place: Place, wish: Wish) -> bool:
    assert wish.after is not None
    return place > wish.after if wish.ascending else place < wish.after


def _dimensions(records: list[Record]) -> list[str]:
    """The dimensions that records have, but for those called as a column of their own."""
    found = {name for record in records for name in said(record.get("dimensions")) or ()}
    return sorted(found - {*COLUMNS})


def _cell(record: Record, column: str) -> str | None:
    """A value as text, as every one of a row is."""
    match column:
        case "measure_name":
            return str(record["meterApiName"])
        case "sourceTimeInMillis":
            return str(int(record["meterTimeInMillis"]))
        case "meterApiName" | "uniqueId":
            return record.get(column)
        case name if name == VALUE:
            return _written(record["meterValue"])
        case _:
            return value_of(record, column)


def _written(value: int | float) -> str:
    """A number as a double is written, where that keeps it; else with all its digits."""
    double = float(value)
    return repr(double) if double == value else str(value)


def _wish(query: Mapping[str, str]) -> Wish:
    after, seen = _read(query.get("nextPageToken"))
    return Wish(
        customer=query.get("customerId"),
        meter=query.get("meterApiName"),
        start=whole(query, "startTimeInSeconds", RULE, least=0, most=LATEST),
        end=whole(query, "endTimeInSeconds", RULE, least=0, most=LATEST),
        dimensions=_map(query.get("dimensions")),
        ascending=flag(query, "isAscending", RULE, default=False),
        limit=whole(query, "limit", RULE),
        page=whole(query, "pageSize", RULE, most=LARGEST) or PAGE,
        after=after,
        seen=seen,
    )


def _map(text: str | None) -> Mapping[str, str]:
    """`{"region": "us-west-2"}`: what its dimensions must be."""
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise refused("dimensions", text, "is not a JSON object of texts", RULE)
    return found


def _echo(query: Mapping[str, str], wish: Wish) -> dict[str, Any]:
    """The query as it was read."""
    return {
        "customerId": wish.customer,
        "eventId": None,
        "meterApiName": wish.meter,
        "timeRange": {"startTimeInSeconds": wish.start, "endTimeInSeconds": wish.end},
        "dimensions": dict(wish.dimensions),
        "limit": wish.limit,
        "isAscending": wish.ascending,
        "pageSize": wish.page,
        "nextPageToken": query.get("nextPageToken"),
    }


def _token(place: Place, seen: int) -> str:
    at, number = place
    return f"{seen}.{number}.{at}"


def _read(token: str | None) -> tuple[Place | None, int]:
    """Where a page begins, by the token that the one before gave. Raises Refusal."""
    if token is None:
        return None, 0
    parts = token.split(".")
    try:
        seen, number, at = (int(part) for part in parts)
    except ValueError:
        raise refused("nextPageToken", token, "is not one that was given", RULE) from None
    return (at, number), seen
