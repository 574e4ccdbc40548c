"""Usage as Amberflo reports it: of one meter, of several at once, of all that are declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.model import Violation
from sandbox.amberflo import errors
from sandbox.amberflo.intervals import INTERVALS
from sandbox.amberflo.parameters import refused, whole
from sandbox.amberflo.queries import ROWS, Query, read, too_large
from sandbox.amberflo.records import Record
from sandbox.amberflo.reports import report
from sandbox.amberflo.rules import State
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

__all__ = ["every", "many", "many_sparse", "one", "sparse"]

LATEST = 32_503_680_000
PARAMETERS = "amberflo.usage.all-parameters"
LOOKS = 10_000_000
"""How many records the queries of one request look at (rule amberflo.usage.work)."""


def one(call: Call) -> Decision:
    """POST /usage: gaps in time are filled (rule amberflo.usage.gaps)."""
    return _answer(call, read(call, call.body), sparse=False)


def sparse(call: Call) -> Decision:
    """POST /usage/sparse: only when something happened (rule amberflo.usage.sparse)."""
    return _answer(call, read(call, call.body), sparse=True)


def many(call: Call) -> Decision:
    """POST /usage/batch: a report for each query, in their order."""
    return _answers(call, _batch(call), sparse=False)


def many_sparse(call: Call) -> Decision:
    """POST /usage/sparse/batch."""
    return _answers(call, _batch(call), sparse=True)


def every(call: Call) -> Decision:
    """GET /usage/all: each meter that is declared, by its own aggregation."""
    state: State = call.account.state
    asked = _asked(call.request.query)
    queries = [
        read(call, {"meterApiName": meter.name, **asked})
        for meter in state.register.meters.values()
    ]
    return _answers(call, queries, sparse=False)


def _batch(call: Call) -> list[Query]:
    return [read(call, query, (n,)) for n, query in enumerate(call.body)]


def _answer(call: Call, query: Query, *, sparse: bool) -> Decision:
    records = _by_meter(call, [query]).get(query.name, [])
    answer = report(query, records, call.account.settings, sparse=sparse)
    return Decision(Reply.json(answer), findings=(*query.remarks, *_fresh(call)))


def _answers(call: Call, queries: Sequence[Query], *, sparse: bool) -> Decision:
    records = _by_meter(call, queries) if queries else {}
    answers: list[dict[str, Any]] = []
    rows = 0
    for query in queries:
        own = records.get(query.name, [])
        answers.append(report(query, own, call.account.settings, sparse=sparse))
        slots, groups = answers[-1]["secondsSinceEpochIntervals"], answers[-1]["clientMeters"]
        rows += len(slots) * max(1, len(groups))
        if rows > ROWS:
            raise too_large(rows, query.at)
    remarks = [remark for query in queries for remark in query.remarks]
    return Decision(Reply.json(answers), findings=(*remarks, *_fresh(call)))


def _fresh(call: Call) -> tuple[Violation, ...]:
    value = call.request.query.get("minimizeFresh") if call.request.query_string else None
    why = "minimizeFresh is not emulated; the answer is as without it"
    return () if value is None else (Violation("$", why, value, "amberflo.usage.idle"),)


def _by_meter(call: Call, queries: Sequence[Query]) -> Mapping[str, list[Record]]:
    """The records that usage counts, by their meter (rule amberflo.usage.counted).

    Raises Refusal where so many queries would look at too many of them.
    """
    state: State = call.account.state
    found: dict[str, list[Record]] = {}
    for record in state.counted():
        found.setdefault(record["meterApiName"], []).append(record)
    looks = sum(len(found.get(query.name, ())) * max(1, len(query.group_by)) for query in queries)
    if looks > LOOKS:
        why = f"the queries look at {looks} records, and those of one request at most at {LOOKS}"
        raise Refusal(errors.invalid(why), [Violation("$", why, looks, "amberflo.usage.work")])
    return found


def _asked(query: Mapping[str, str]) -> dict[str, Any]:
    """The query string, as a query of each meter. Raises Refusal."""
    start = whole(query, "startTimeInSeconds", PARAMETERS, least=0, most=LATEST)
    if start is None:
        raise refused("startTimeInSeconds", None, "is a required parameter", PARAMETERS)
    end = whole(query, "endTimeInSeconds", PARAMETERS, least=0, most=LATEST)
    interval = query.get("timeGroupingInterval")
    if interval is not None and interval.upper() not in INTERVALS:
        why = f"is not one of {', '.join(INTERVALS)}"
        raise refused("timeGroupingInterval", interval, why, PARAMETERS)
    group = query.get("groupBy")
    if group not in (None, "customerId"):
        raise refused("groupBy", group, "is not customerId", PARAMETERS)
    customer = query.get("customerId")
    return {
        "timeRange": {"startTimeInSeconds": start, "endTimeInSeconds": end},
        "timeGroupingInterval": interval,
        "groupBy": None if group is None else [group],
        "filter": None if customer is None else {"customerId": [customer]},
    }
