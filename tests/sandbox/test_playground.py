"""An event or a payload, and what vendors made for the moment make of it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from contracts.model import BadValue
from sandbox.app import create_app
from sandbox.playground import Play, played
from sandbox.plaything import LARGEST, Unplayable
from sandbox.switchboard import load
from tests.sandbox.page.roads import event
from tests.sandbox.page.traffic import HOSTILE
from tests.sandbox.test_control import conforms

ROOMS = load()
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
ORB = {
    "event_name": "api_call",
    "timestamp": "2026-01-15T11:59:00Z",
    "idempotency_key": "k",
    "external_customer_id": "acme",
    "properties": {"region": "eu"},
}


def play(value: Any, **more: Any) -> dict[str, Any]:
    text = value if isinstance(value, str) else json.dumps(value)
    told: dict[str, Any] = asyncio.run(played(Play(text, **{"at": NOW, **more}), ROOMS))
    assert conforms(told, "Play") == []
    return told


def standings(told: dict[str, Any]) -> dict[str, str]:
    return {lane["vendor"]: lane["standing"] for lane in told["lanes"]}


def call(**more: Any) -> dict[str, Any]:
    return event("p-1", **{"timestamp": "2026-01-15T11:59:00Z", "sentAt": None, **more})


def test_an_event_is_billed_by_every_vendor() -> None:
    told = play(call())
    assert told["kind"] == "event"
    assert standings(told) == dict.fromkeys(("amberflo", "hyperline", "kana", "orb"), "billed")
    assert told["intake"]["published"]["receivedAt"] == "2026-01-15T12:00:00.000Z"
    assert told["notes"] == []
    orb = told["lanes"][-1]
    assert orb["attempts"][0]["status"] == 200
    assert {one["field"] for one in orb["translation"]["trace"]} >= {"events[0].event_name"}


def test_the_same_again_is_no_duplicate() -> None:
    assert standings(play(call())) == standings(play(call()))


def test_what_the_source_drops_says_why_at_the_field() -> None:
    told = play(call(event=7))
    assert (told["lanes"], told["intake"]["published"]) == ([], None)
    [arrival] = told["intake"]["arrivals"]
    assert arrival["outcome"] == "dropped"
    assert [one["path"] for one in arrival["findings"]] == ["$.event"]


def test_a_type_that_no_path_is_for_is_judged_in_a_batch() -> None:
    [arrival] = play(call(type="trakc"))["intake"]["arrivals"]
    assert (arrival["place"], arrival["rule"]) == ("$.batch[0]", "segment.discard.invalid_type")


def test_what_cannot_be_translated_says_why() -> None:
    told = play(call(userId=None, anonymousId="a"))
    orb = next(lane for lane in told["lanes"] if lane["vendor"] == "orb")
    assert orb["standing"] == "not sent"
    assert orb["translation"]["refused"]["rule"] == "orb.segment.customer"


def test_settings_of_a_destination_change_what_is_sent() -> None:
    mapped = {"externalCustomerIdField": "userId", "propertiesMappingFields": {"region": "zone"}}
    orb = play(call(), settings={"orb": mapped})["lanes"][-1]
    body = orb["translation"]["requests"][0]["body"]["events"][0]
    assert body["properties"] == {"zone": "eu"}
    wrong = play(call(), settings={"orb": {"eventNameFeild": "event"}})["lanes"][-1]
    assert "Did you mean 'eventNameField'" in wrong["translation"]["refused"]["reason"]


def test_without_a_setup_nobody_knows_the_customer() -> None:
    told = play(call(), bare=True)
    assert standings(told)["amberflo"] == "not counted"
    assert standings(told)["hyperline"] == "refused"


def test_when_it_comes_matters() -> None:
    told = play(call(timestamp="2025-01-01T00:00:00Z"))
    assert standings(told)["orb"] == "late"
    early = play(call(timestamp="2025-01-01T00:00:00Z"), at=datetime(2025, 1, 1, 0, 5, tzinfo=UTC))
    assert standings(early)["orb"] == "billed"


@pytest.mark.parametrize("value", [{"events": [ORB]}, ORB, [ORB]])
def test_a_payload_is_known_by_its_fields(value: Any) -> None:
    """A single event goes in the list that its endpoint wants; what fits best comes first."""
    told = play(value)
    assert (told["kind"], told["intake"]) == ("payload", None)
    first = told["lanes"][0]
    assert (first["vendor"], first["standing"]) == ("orb", "billed")
    assert standings(told)["amberflo"] == "refused"


def test_a_finding_is_at_its_field_with_the_likely_word() -> None:
    wrong = {name.replace("event_name", "event_nmae"): value for name, value in ORB.items()}
    [found] = play({"events": [wrong]})["lanes"][0]["translation"]["requests"][0]["findings"]
    assert found["path"] == "$.events[0].event_nmae"
    assert found["fix"] == "write 'event_name' in the place of 'event_nmae'."
    assert found["rule"] == "orb.ingest.structure"


def test_a_payload_goes_to_the_endpoint_that_is_wanted() -> None:
    [lane] = play({"name": "Acme", "external_id": "acme"}, to="hyperline/create-customer")["lanes"]
    assert (lane["vendor"], lane["standing"], lane["attempts"][0]["status"]) == (
        "hyperline",
        "no usage",
        201,
    )
    assert play(call(), to="kana/segment-events")["kind"] == "payload"
    with pytest.raises(BadValue, match="vendor/endpoint"):
        play(ORB, to="orb/nothing")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ('{"a": 1, "a": 2}', "given twice"),
        ("7", "JSON objects"),
        ('"text"', "JSON objects"),
        ("[" * 40 + "]" * 40, "nested"),
        ("[" + "{}," * 3000 + "{}]", "objects and lists"),
        (json.dumps({"a": "x" * LARGEST}), "bytes"),
        ('{"batch": []}', "no event"),
        ('{"batch": [7]}', "no event"),
        ('{"type": "track", "a": "\\ud800"}', "cannot be read"),
    ],
)
def test_what_cannot_be_played_with_says_why(text: str, why: str) -> None:
    with pytest.raises(Unplayable, match=why):
        play(text)


@pytest.mark.parametrize("value", [{}, [], [[]], [1], {"batch": 7}, {"type": {}}, {"userId": 0}])
def test_whatever_object_it_is_there_is_an_answer(value: Any) -> None:
    assert play(value)["kind"] in ("event", "payload")


def test_the_largest_is_done_within_seconds() -> None:
    told = play({"events": [{**ORB, "idempotency_key": f"k{n}"} for n in range(300)]})
    assert told["lanes"][0]["standing"] == "billed"
    play({"events": [{} for _ in range(2900)]})


def test_no_account_is_touched() -> None:
    async def run() -> tuple[Any, Any, list[Any], int]:
        sandbox = create_app()
        transport = httpx.ASGITransport(app=sandbox)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.post("/_meterbox/playground", json={"payload": call()})
            both = {"payload": call(), "text": "{}"}
            odd = [
                (await client.post("/_meterbox/playground", json=one)).status_code
                for one in (both, {}, {"text": 1}, {"text": "{}", "at": "now"}, {"txt": "{}"})
            ]
            accounts = (await client.get("/_meterbox/accounts")).json()["accounts"]
            return answer.json(), odd, accounts, sandbox.accounts.feed.next

    told, odd, accounts, after = asyncio.run(run())
    assert conforms(told, "Play") == []
    assert told["lanes"] != []
    assert odd == [400] * 5
    assert accounts == []
    assert after == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_played_with_like_any(text: str) -> None:
    told = play(call(event=text, userId=text, properties={text: text}))
    assert told["intake"]["sent"]["event"] == text
