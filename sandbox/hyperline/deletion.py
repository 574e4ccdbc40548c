"""DELETE /v1/events: which events go is said in the body, and they are billed no longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.model import Violation
from sandbox.hyperline import errors
from sandbox.hyperline.fates import farewells
from sandbox.hyperline.holdings import Held, Wanted, held
from sandbox.hyperline.reading import asked_customer
from sandbox.hyperline.state import State
from sandbox.reply import Decision, Refusal, Reply
from sandbox.room import Call

__all__ = ["delete"]

DELETE = "hyperline.delete"
ENVIRONMENT = "hyperline.delete.environment"


def delete(call: Call) -> Decision:
    """Delete what matches; the answer is how many (rule hyperline.delete)."""
    _refuse_in_production(call)
    state: State = call.account.state
    gone = held(state, _wanted(call.body, state))
    effects = farewells(state, gone, "hyperline.delete.usage")
    return Decision(Reply.json(len(gone)), effects, _missed(call.body, gone))


def _refuse_in_production(call: Call) -> None:
    """By switch, a key of production deletes nothing."""
    if call.setting(ENVIRONMENT) == "sandbox-only" and call.account.key.startswith("prod_"):
        why = "events are deleted on sandbox only, with a key that begins with test_"
        raise Refusal(errors.not_in_production(), [Violation("$", why, None, ENVIRONMENT)])


def _wanted(asked: Mapping[str, Any], state: State) -> Wanted:
    matching = asked["matching"]
    if matching == "record_ids":
        return Wanted(record_ids=frozenset(asked["record_ids"]))
    if matching == "customer_id":
        customer = asked_customer(asked["customer_id"], state)
        return Wanted(customer=customer, event_type=asked.get("event_type"))
    return Wanted(event_type=asked["event_type"] if matching == "event_type" else None)


def _missed(asked: Mapping[str, Any], gone: Sequence[Held]) -> tuple[Violation, ...]:
    """Ids that no event has: a wrong one goes unnoticed otherwise (rule hyperline.delete.count)."""
    known = {one.record_id for one in gone}
    ids = asked["record_ids"] if asked["matching"] == "record_ids" else ()
    return tuple(
        Violation(f"$.record_ids[{index}]", "no event has this record.id", id, DELETE + ".count")
        for index, id in enumerate(ids)
        if id not in known
    )[:100]
