"""Whether events may be kept at all: by their path, their type and their customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contracts.model import Violation
from sandbox.hyperline import errors
from sandbox.hyperline.customers import imported
from sandbox.hyperline.rules import Terms
from sandbox.hyperline.salvage import lost, rejected
from sandbox.hyperline.state import PENDING
from sandbox.reply import Refusal
from sandbox.room import Call

__all__ = ["Place", "UNKNOWN_CUSTOMER", "admit", "current", "stranger", "terms", "unused"]

UNKNOWN_CUSTOMER = PENDING
EVENT_TYPE = "hyperline.ingest.event-type"

Event = Mapping[str, Any]
Place = Callable[[int], str]


def current(call: Call) -> None:
    """By switch, only one version's path is there (rule hyperline.ingest.current)."""
    rule, version = "hyperline.ingest.current", "v2" if call.endpoint.name.endswith("v2") else "v1"
    if call.setting(rule) not in ("both", version):
        why = f"the switch leaves {call.setting(rule)} alone"
        finding = Violation("$", why, call.request.path, rule)
        effects = lost(call.body, call.endpoint, rule)
        raise Refusal(errors.unknown_path(call.request), [finding], effects)


def unused(call: Call, events: Sequence[Event], place: Place) -> list[Violation]:
    """By switch, events of a type that nothing is billed by (rule hyperline.ingest.event-type)."""
    if call.setting(EVENT_TYPE) == "accept":
        return []
    known = call.account.state.event_types()
    return [
        Violation(f"{place(index)}.event_type", "no product has this event_type", kind, EVENT_TYPE)
        for index, kind in enumerate(event["event_type"] for event in events)
        if kind not in known
    ]


def admit(call: Call, events: Sequence[Event], unknown: Sequence[int], place: Place) -> None:
    """Make the customers that do not exist, or refuse, as the switch says."""
    if not unknown:
        return
    way = call.setting(UNKNOWN_CUSTOMER)
    if way != "auto-create":
        found = [stranger(events[index], place(index)) for index in unknown]
        status = 404 if way == "reject-404" else 400
        raise Refusal(errors.customer_not_found(status), found, rejected(events, UNKNOWN_CUSTOMER))
    for external_id in dict.fromkeys(events[index]["customer_id"] for index in unknown):
        imported(call, external_id)


def stranger(event: Event, place: str) -> Violation:
    why = "no customer has this id or external_id"
    return Violation(f"{place}.customer_id", why, event["customer_id"], UNKNOWN_CUSTOMER)


def terms(call: Call) -> Terms:
    return Terms(
        identity=call.setting("hyperline.ingest.identity"),
        timestamps=call.setting("hyperline.ingest.timestamp"),
        nulls=call.setting("hyperline.ingest.record-null"),
        unknown_keys=call.setting("hyperline.ingest.unknown-key"),
        archived=call.setting("hyperline.ingest.archived-customer"),
    )
