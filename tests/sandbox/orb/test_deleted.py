"""With a deleted customer goes its usage, all of it and nobody else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.orb.conversation import Conversation


def appear(orb: Conversation, external_id: str | None = None) -> str:
    new = {"name": "Acme", "email": "billing@acme.test", "external_customer_id": external_id}
    status, made = orb.ask("POST", "/v1/customers", new)
    assert status == 201
    id: str = made["id"]
    return id


def event(orb: Conversation, key: str, **rest: Any) -> dict[str, Any]:
    at = (orb.now - timedelta(hours=1)).isoformat()
    return {
        "event_name": "call",
        "timestamp": at,
        "idempotency_key": key,
        "properties": {},
        **rest,
    }


def ingest(orb: Conversation, *events: dict[str, Any]) -> None:
    assert orb.ask("POST", "/v1/ingest", {"events": list(events)})[0] == 200


def delete(orb: Conversation, id: str) -> None:
    assert orb.ask("DELETE", f"/v1/customers/{id}")[0] == 204


def test_a_customer_named_by_the_id_of_another_goes_alone() -> None:
    orb = Conversation()
    solo = appear(orb)
    twin = appear(orb, solo)
    ingest(orb, event(orb, "a", customer_id=solo), event(orb, "b", external_customer_id=solo))
    delete(orb, twin)
    assert orb.billed() == {(solo, "call"): 1}
    delete(orb, solo)
    assert orb.billed() == {}


def test_an_event_of_another_customer_by_the_same_key_stays() -> None:
    """Forgotten after the grace period, a key may come again for somebody else."""
    orb = Conversation()
    first = appear(orb, "acme")
    appear(orb, "globex")
    ingest(orb, event(orb, "a", external_customer_id="acme"))
    orb.advance(timedelta(hours=20))
    ingest(orb, event(orb, "a", external_customer_id="globex"))
    assert orb.billed() == {("acme", "call"): 1, ("globex", "call"): 1}
    delete(orb, first)
    assert orb.billed() == {("globex", "call"): 1}


def test_a_metric_declared_later_does_not_bring_back_what_is_gone() -> None:
    orb = Conversation()
    id = appear(orb, "acme")
    declare(orb, "seat")
    ingest(orb, event(orb, "a", external_customer_id="acme"))
    delete(orb, id)
    declare(orb, "call")
    assert orb.billed() == {}


def declare(orb: Conversation, name: str) -> None:
    asked = {"name": name, "event_name": name, "aggregation": "count"}
    orb.account.room.dashboard["declare-metric"](orb.account, asked, orb.now)


@pytest.mark.parametrize("again", [("k+",), ("k+", "k++")])
def test_keys_that_end_alike_are_other_events(again: tuple[str, ...]) -> None:
    """A key that came twice and one that looks like its second are told apart."""
    orb = Conversation()
    appear(orb, "acme")
    ingest(orb, *(event(orb, key, external_customer_id="acme") for key in ("k", *again)))
    orb.advance(timedelta(hours=20))
    ingest(orb, event(orb, "k", external_customer_id="acme"))
    assert orb.billed() == {("acme", "call"): 2 + len(again)}
    assert orb.ask("PUT", "/v1/events/k/deprecate")[0] == 200
    assert orb.billed() == {("acme", "call"): len(again)}


def test_an_external_id_set_later_brings_waiting_usage_only_if_the_switch_says_so() -> None:
    orb = Conversation()
    orb.account.settings["orb.customer.attribution"] = "never"
    id = appear(orb)
    ingest(orb, event(orb, "a", external_customer_id="acme"))
    assert orb.ask("PUT", f"/v1/customers/{id}", {"external_customer_id": "acme"})[0] == 200
    assert orb.billed() == {}
