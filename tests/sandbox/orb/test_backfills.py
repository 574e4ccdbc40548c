"""Backfills, where a case cannot look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.acme import NOW
from tests.sandbox.orb.conversation import Conversation

DAY = timedelta(days=1)


def create(orb: Conversation, start: int, end: int, **more: Any) -> str:
    """A backfill from so many days ago to so many days ago."""
    frame = {
        "timeframe_start": (orb.now - start * DAY).isoformat(),
        "timeframe_end": (orb.now - end * DAY).isoformat(),
    }
    _, made = orb.ask("POST", "/v1/events/backfills", {**frame, **more})
    id: str = made["id"]
    return id


def settled(orb: Conversation) -> list[tuple[str, str, Any]]:
    """Kind, backfill and time of what is due by now, oldest first, before anybody collects it."""
    orb.account.elapse(orb.now)
    told: list[tuple[str, str, Any]] = []
    for happening in orb.state.happenings:
        assert happening.resource is not None
        told.append((happening.type, happening.resource["id"], happening.at))
    return told


def test_what_falls_due_together_is_done_in_order_of_its_time() -> None:
    orb = Conversation()
    late = create(orb, 9, 8, close_time=(NOW + 2 * DAY).isoformat())
    early = create(orb, 7, 6, close_time=(NOW + DAY).isoformat())
    orb.advance(10 * DAY)
    assert settled(orb) == [
        ("backfill.reflected", early, NOW + DAY),
        ("backfill.reflected", late, NOW + 2 * DAY),
    ]


def test_a_reverted_backfill_is_told_of_when_it_is_undone() -> None:
    orb = Conversation()
    orb.account.set("orb.backfill.reflection-time", "1h")
    id = create(orb, 9, 8)
    orb.advance(2 * DAY)
    orb.ask("POST", f"/v1/events/backfills/{id}/revert")
    orb.advance(DAY)
    at = NOW + 2 * DAY + timedelta(hours=1)
    assert settled(orb) == [("backfill.reverted", id, at)]


def test_what_is_told_is_the_backfill_as_it_was_then() -> None:
    orb = Conversation()
    create(orb, 9, 8)
    orb.advance(DAY)
    orb.account.elapse(orb.now)
    resource = orb.state.happenings[0].resource
    assert resource is not None
    assert resource["status"] == "reflected"


def test_a_backfill_of_many_events_is_reflected_in_a_moment() -> None:
    orb = Conversation()
    customer = {"name": "Acme", "email": "a@acme.test", "external_customer_id": "acme"}
    orb.ask("POST", "/v1/customers", customer)
    id = create(orb, 9, 8)
    for batch in range(10):
        events = [
            {
                "event_name": "api_call",
                "timestamp": (NOW - 9 * DAY).isoformat(),
                "idempotency_key": f"{batch}-{n}",
                "external_customer_id": "acme",
                "properties": {},
            }
            for n in range(500)
        ]
        assert orb.ask("POST", "/v1/ingest", {"events": events}, f"backfill_id={id}")[0] == 200
    _, closed = orb.ask("POST", f"/v1/events/backfills/{id}/close")
    assert closed["events_ingested"] == 5_000
    assert orb.billed() == {("acme", "api_call"): 5_000}
