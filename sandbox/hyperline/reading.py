"""GET /v1/events: the events there are, by take and skip."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from contracts.model import Violation, did_you_mean
from sandbox.hyperline.holdings import Held, Wanted, held, shown
from sandbox.hyperline.moments import read
from sandbox.hyperline.queries import FAR, number, one_of, refused
from sandbox.hyperline.state import State
from sandbox.reply import Decision, Reply
from sandbox.room import Call

__all__ = ["asked_customer", "list_all"]

LIST = "hyperline.events.list"
FILTER = "hyperline.events.filter"
ORDER = "hyperline.events.order"
KNOWN = (
    "event_type",
    "customer_id",
    "record_id__in",
    "timestamp_gte",
    "timestamp_lte",
    "order",
    "sort",
    "take",
    "skip",
)

Query = Mapping[str, str]


def list_all(call: Call) -> Decision:
    """GET /v1/events (rule hyperline.events.list)."""
    query = call.request.query
    take = number(query, "take", 50, 0, 100, LIST)
    skip = number(query, "skip", 0, 0, FAR, LIST)
    wanted, backwards = _wanted(call, query), _backwards(call, query)
    found = held(call.account.state, wanted)
    found.sort(key=lambda one: (one.at, one.place), reverse=backwards)
    by_id = call.setting("hyperline.events.customer") == "hyperline-id"
    page = [shown(one, call.account.key, by_id=by_id) for one in found[skip : skip + take]]
    meta = {"total": len(found), "taken": len(page), "skipped": skip}
    return Decision(Reply.json({"meta": meta, "data": page}), findings=_ignored(query))


def asked_customer(asked: str, state: State) -> str:
    """Hyperline's id of a customer that is asked for by it or by external id."""
    known = state.known(asked)
    return known["id"] if known is not None else asked


def _wanted(call: Call, query: Query) -> Wanted:
    rule = "hyperline.events.event-type"
    if "event_type" not in query and call.setting(rule) == "required":
        raise refused("event_type", "event_type is required", None, rule)
    ids = query["record_id__in"].split(",") if "record_id__in" in query else None
    least, most = (_moment(query, name) for name in ("timestamp_gte", "timestamp_lte"))

    def timely(found: Held) -> bool:
        return (least is None or found.at >= least) and (most is None or found.at <= most)

    customer = query.get("customer_id")
    return Wanted(
        event_type=query.get("event_type"),
        customer=None if customer is None else asked_customer(customer, call.account.state),
        record_ids=None if ids is None else frozenset(ids),
        test=timely,
    )


def _moment(query: Query, name: str) -> datetime | None:
    if name not in query:
        return None
    at = read(query[name])
    if at is None:
        why = f"{name} is a date and time such as 2024-12-20T16:04:11Z"
        raise refused(name, why, query[name], FILTER)
    return at


def _backwards(call: Call, query: Query) -> bool:
    """Whether the newest comes first."""
    one_of(query, "sort", ("timestamp",), ORDER)
    first = call.setting(ORDER)
    return one_of(query, "order", (first, "asc" if first == "desc" else "desc"), ORDER) == "desc"


def _ignored(query: Query) -> tuple[Violation, ...]:
    """Parameters that narrow nothing (rule hyperline.events.unknown-parameter)."""
    return tuple(
        Violation(
            f"$.{name}",
            f"{name} is ignored; known: {', '.join(KNOWN)}",
            told,
            "hyperline.events.unknown-parameter",
            did_you_mean(name, KNOWN),
        )
        for name, told in query.items()
        if name not in KNOWN
    )
