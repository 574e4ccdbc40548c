"""A backfill's whole life by the clock: days, in milliseconds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.app import Options, create_app
from tests.acme import NOW
from tests.sandbox.orb.conversation import Conversation

ORB = create_app(Options(vendors=["orb"], source=lambda: NOW))  # to read a contract takes longer

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
THEN = "2026-01-15T11:30:00Z"


def event(key: str, name: str = "api_call") -> dict[str, Any]:
    return {
        "event_name": name,
        "timestamp": THEN,
        "idempotency_key": key,
        "external_customer_id": "acme",
        "properties": {},
    }


def test_a_backfill_lives_from_pending_to_reverted() -> None:
    """Thirty-four days, by the clock alone."""
    orb = Conversation(ORB, "k1")
    id = opened(orb)
    pending(orb, id)
    orb.advance(DAY)  # it closes by itself, and takes no more
    more = {"events": [event("more")]}
    assert orb.ask("POST", "/v1/ingest", more, f"backfill_id={id}")[0] == 400
    pending(orb, id)
    orb.advance(HOUR)
    assert orb.ask("GET", f"/v1/events/backfills/{id}")[1]["status"] == "reflected"
    assert orb.billed() == {("acme", "call"): 1}
    assert found(orb) == {"new": False, "old": True}
    orb.advance(30 * DAY)
    reverted(orb, id)


def opened(orb: Conversation) -> str:
    """A backfill of the hour before noon with one event in it, two days later."""
    customer = {"name": "Acme", "email": "a@acme.test", "external_customer_id": "acme"}
    assert orb.ask("POST", "/v1/customers", customer)[0] == 201
    assert orb.ask("POST", "/v1/ingest", {"events": [event("old")]})[0] == 200
    orb.account.set("orb.backfill.reflection-time", "1h")
    orb.advance(2 * DAY)
    frame = {"timeframe_start": "2026-01-15T11:00:00Z", "timeframe_end": "2026-01-15T12:00:00Z"}
    status, made = orb.ask("POST", "/v1/events/backfills", frame)
    told = (status, made["status"], made["close_time"])
    assert told == (200, "pending", (NOW + 3 * DAY).isoformat())
    fresh = {"events": [event("new", "call")]}
    assert orb.ask("POST", "/v1/ingest", fresh, f"backfill_id={made['id']}")[0] == 200
    id: str = made["id"]
    return id


def reverted(orb: Conversation, id: str) -> None:
    assert orb.ask("POST", f"/v1/events/backfills/{id}/revert")[1]["status"] == "pending_revert"
    assert orb.billed() == {("acme", "call"): 1}
    orb.advance(HOUR)
    told = orb.ask("GET", f"/v1/events/backfills/{id}")[1]
    assert (told["status"], told["events_ingested"]) == ("reverted", 1)
    assert told["reverted_at"] == orb.now.isoformat()
    assert orb.billed() == {("acme", "api_call"): 1}
    assert found(orb) == {"old": False}


def pending(orb: Conversation, id: str) -> None:
    """Nothing of it shows, however full it is."""
    assert orb.ask("GET", f"/v1/events/backfills/{id}")[1]["status"] == "pending"
    assert orb.billed() == {("acme", "api_call"): 1}
    assert found(orb) == {"old": False}


def found(orb: Conversation) -> dict[str, bool]:
    """Which events a search finds, and whether they are deprecated."""
    wanted = {"event_ids": ["old", "new"], "timeframe_start": "2026-01-01T00:00:00Z"}
    _, answer = orb.ask("POST", "/v1/events/search", wanted)
    return {row["id"]: row["deprecated"] for row in answer["data"]}


def test_what_happened_is_told_as_of_when_it_was_due() -> None:
    orb = Conversation(ORB, "k2")
    frame = {"timeframe_start": "2026-01-13T00:00:00Z", "timeframe_end": "2026-01-14T00:00:00Z"}
    _, made = orb.ask("POST", "/v1/events/backfills", frame)
    orb.advance(10 * DAY)  # nobody asks for nine days after it closed
    assert orb.ask("GET", "/v1/ping")[0] == 200
    assert orb.ask("GET", f"/v1/events/backfills/{made['id']}")[1]["status"] == "reflected"
    assert orb.state.store.backfills[made["id"]].reflected_at == NOW + DAY


def test_the_ledger_is_right_though_nobody_asks_orb() -> None:
    orb = Conversation(ORB, "k3")
    customer = {"name": "Acme", "email": "a@acme.test", "external_customer_id": "acme"}
    orb.ask("POST", "/v1/customers", customer)
    orb.advance(2 * DAY)
    frame = {"timeframe_start": "2026-01-15T11:00:00Z", "timeframe_end": "2026-01-15T12:00:00Z"}
    _, made = orb.ask("POST", "/v1/events/backfills", frame)
    orb.ask("POST", "/v1/ingest", {"events": [event("new")]}, f"backfill_id={made['id']}")
    assert orb.billed() == {}
    orb.advance(DAY)
    assert orb.billed() == {("acme", "api_call"): 1}
    at = [e.at for e in orb.account.ledger.entries() if e.outcome == "accepted"]
    assert at == [NOW + 3 * DAY]
