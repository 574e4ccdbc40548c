"""One event from the call to the bill: what the control API tells of its way to every vendor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.reader import read
from sandbox.app import Options, create_app
from sandbox.journey import differences
from sandbox.lane import booked
from sandbox.reply import Decision, Effects, Reply, Request, Usage
from sandbox.server import Running
from tests.sandbox.page.roads import DESTINATIONS, KEY, Roads, event, opened, travel
from tests.sandbox.test_control import conforms


@pytest.fixture(scope="module")
def roads() -> Iterator[Roads]:
    sandbox = create_app(Options(destinations=DESTINATIONS, scale=0.001))
    with Running(sandbox) as running, opened(running.url) as made:
        travel(made)
        yield made


@pytest.fixture(scope="module")
def quiet() -> Iterator[Roads]:
    """A sandbox that forwards nothing."""
    with Running(create_app()) as running, opened(running.url) as made:
        yield made


def lanes(told: Any) -> dict[str, Any]:
    return {lane["vendor"]: lane for lane in told["lanes"]}


def standings(told: Any) -> dict[str, str]:
    return {lane["vendor"]: lane["standing"] for lane in told["lanes"]}


def test_an_event_is_followed_to_every_bill(roads: Roads) -> None:
    told = roads.journey("m-1")
    assert conforms(told, "Journey") == []
    assert standings(told) == dict.fromkeys(DESTINATIONS, "billed")
    billed = {
        vendor: [
            (one["meter"], one["customer"], one["quantity"]) for one in lane["ledger"]["billed"]
        ]
        for vendor, lane in lanes(told).items()
    }
    assert billed == {
        "amberflo": [("ApiCalls", "acme", 3)],
        "hyperline": [("ApiCalls", "acme", 1)],
        "kana": [("ai-calls", "acme", 1)],
        "orb": [("ApiCalls", "acme", 1)],
    }


def test_it_says_what_the_source_made_of_the_call(roads: Roads) -> None:
    intake = roads.journey("m-1")["intake"]
    assert [one["outcome"] for one in intake["arrivals"]] == ["accepted", "duplicate"]
    assert intake["arrivals"][1]["rule"] == "segment.dedup.window"
    assert [one["rule"] for one in intake["arrivals"][0]["findings"]] == [
        "segment.timestamp.corrected"
    ]
    changed = {one["path"]: one for one in intake["changes"]}
    assert changed["$.timestamp"]["was"] == intake["sent"]["timestamp"]
    assert changed["$.timestamp"]["is"] == intake["published"]["timestamp"]
    assert changed["$.receivedAt"]["was"] is None
    assert "$.properties" not in changed


def test_each_try_tells_its_wait_its_fault_and_the_vendors_side(roads: Roads) -> None:
    told = lanes(roads.journey("m-1"))
    first, second = told["orb"]["attempts"]
    assert (first["status"], first["fault"], first["retry_after"]) == (503, "status", 1)
    assert (second["status"], second["outcome"]) == (200, "delivered")
    assert second["waited"] >= 1
    # Nobody told the forwarder of that exchange: it is found by what was sent.
    lost, again = told["amberflo"]["attempts"]
    assert (lost["status"], lost["fault"]) == (None, "lost-reply")
    ids = [one["exchange"] for one in (lost, again)]
    assert [id.rpartition("-")[2] for id in ids] == sorted(id.rpartition("-")[2] for id in ids)
    assert len(set(ids)) == 2
    assert [one["outcome"] for one in told["amberflo"]["ledger"]["entries"]] == [
        "accepted",
        "duplicate",
    ]


def test_the_trace_tells_which_field_made_which(roads: Roads) -> None:
    made = lanes(roads.journey("m-1"))["orb"]["translation"]
    trace = {one["field"]: one for one in made["trace"]}
    name = trace["events[0].event_name"]
    assert (name["source"], name["value"]) == ("$.event", "ApiCalls")
    assert name["rule"] == "orb.segment.event-name"
    assert "$.properties.featureId" in made["dropped"]
    assert made["requests"][0]["body"]["events"][0]["idempotency_key"] == "m-1"
    assert made["requests"][0]["findings"] == []
    # Kana is sent the whole call; what it reads of it is told by the rule that says so.
    whole = lanes(roads.journey("m-1"))["kana"]["translation"]["trace"]
    told = {one["field"]: one["rule"] for one in whole}
    assert (told["userId"], told["channel"]) == ("kana.segment.user", "kana.segment.body")
    assert len(told) == len(whole)


@pytest.mark.parametrize(
    ("name", "orb", "why", "rule"),
    [
        ("anonymous", "not sent", "wants text", "orb.segment.customer"),
        ("page", "not taken", "takes track calls, not page", "orb.segment.track"),
    ],
)
def test_what_was_not_sent_says_why_where_and_by_which_rule(
    roads: Roads, name: str, orb: str, why: str, rule: str
) -> None:
    lane = lanes(roads.journey(name))["orb"]
    assert (lane["standing"], lane["delivery"], lane["attempts"]) == (orb, "dead", [])
    refused = lane["translation"]["refused"]
    assert why in refused["reason"]
    assert refused["rule"] == rule
    assert lanes(roads.journey(name))["amberflo"]["attempts"] != []


def test_what_is_kept_back_from_a_destination_says_so(roads: Roads) -> None:
    told = roads.journey("kept-back")
    assert standings(told) == {**dict.fromkeys(DESTINATIONS, "kept back"), "orb": "billed"}
    refused = lanes(told)["kana"]["translation"]["refused"]
    assert refused["reason"] == "integrations.All is false"
    assert lanes(told)["kana"]["delivery"] == "filtered"


def test_what_the_source_dropped_went_nowhere(roads: Roads) -> None:
    told = roads.journey("number")
    assert told["lanes"] == []
    assert told["intake"]["published"] is None
    assert told["intake"]["sent"]["event"] == 7
    assert [one["path"] for one in told["intake"]["arrivals"][0]["findings"]] == ["$.event"]


def test_an_event_of_a_batch_is_told_by_its_place(roads: Roads) -> None:
    told = roads.journey("b-2")
    [arrival] = told["intake"]["arrivals"]
    assert arrival["place"] == "$.batch[1]"
    assert {one["path"] for one in arrival["findings"]} == {"$.batch[1].timestamp"}
    assert told["intake"]["sent"]["messageId"] == "b-2"


def test_an_event_that_the_source_named_is_found_by_that_name(roads: Roads, quiet: Roads) -> None:
    quiet.send(event(""))  # the names that are made are not those of a new account
    for asked in (roads, quiet):
        exchange = asked.send(event("c-1"), event(""), event("c-2"))
        told = asked.http.get(f"/_meterbox/exchanges/{exchange}").json()
        name = next(one["event"] for one in told["effects"] if one["event"] not in ("c-1", "c-2"))
        found = asked.journey(name)
        assert found["intake"]["arrivals"][0]["place"] == "$.batch[1]"
        assert found["intake"]["published"]["messageId"] == name
        assert found["lanes"][0]["translation"]["requests"] != []


def test_without_a_forwarder_it_is_told_what_would_be_sent(quiet: Roads) -> None:
    quiet.send(event("off-1"))
    told = quiet.journey("off-1")
    assert conforms(told, "Journey") == []
    assert told["forwarding"] is False
    assert standings(told) == dict.fromkeys(DESTINATIONS, "not forwarded")
    orb = lanes(told)["orb"]
    assert (orb["delivery"], orb["attempts"]) == (None, [])
    assert orb["translation"]["requests"][0]["body"]["events"][0]["idempotency_key"] == "off-1"
    # The request was looked at once more, and nothing of it is left behind.
    quiet.send(event("off-1"))
    assert [one["outcome"] for one in quiet.journey("off-1")["intake"]["arrivals"]] == [
        "accepted",
        "duplicate",
    ]


def test_an_event_of_long_ago_is_found_by_the_name_a_vendor_has_for_it(quiet: Roads) -> None:
    quiet.send(event("long-ago"))
    for n in range(3):
        quiet.send(*(event(f"later-{n}-{m}") for m in range(40)))
    for name in ("long-ago", "ApiCalls/long-ago"):
        found = quiet.http.get("/_meterbox/page/journeys/find", params={"event": name})
        assert (found.status_code, found.headers["location"]) == (303, quiet.path("long-ago"))
    none = quiet.http.get("/_meterbox/page/journeys/find", params={"event": "never"})
    assert none.headers["location"].endswith("/journeys?text=never")


def test_what_left_is_told_by_the_switches_of_the_account(quiet: Roads) -> None:
    at = f"/_meterbox/accounts/segment/{KEY}"
    told = {}
    for winner in ("batch", "call"):
        quiet.http.patch(f"{at}/settings", json={"segment.batch.merge": winner}).raise_for_status()
        one, other = (event(f"{n}-{winner}", context={"locale": "call"}) for n in range(2))
        body = {"batch": [one, other], "context": {"locale": "batch"}}
        quiet.http.post("/segment/v1/batch", json=body, auth=(KEY, "")).raise_for_status()
        published = quiet.journey(f"1-{winner}")["intake"]["published"]
        told[winner] = published["context"]["locale"]
    assert told == {"batch": "batch", "call": "call"}


def test_no_key_is_told(roads: Roads) -> None:
    roads.send(
        event("secret", properties={"value": 1, "note": f"my key is {KEY}", "password": "p"})
    )
    roads.settled("secret")
    text = roads.http.get(f"/_meterbox/accounts/segment/{roads.handle}/events/secret/journey").text
    assert KEY not in text
    assert '"password":"p"' not in text
    assert '"value":"p"' not in text


@pytest.mark.parametrize("name", ["nothing", "a/b", "%2e%2e", "\u202e"])
def test_an_event_that_nobody_sent_is_no_journey(roads: Roads, name: str) -> None:
    answer = roads.http.get(f"/_meterbox/accounts/segment/{roads.handle}/events/{name}/journey")
    assert answer.status_code == 404
    assert "brought an event" in answer.json()["error"]


def test_what_is_nested_deeply_is_told_all_the_same(roads: Roads) -> None:
    deep: Any = 1
    for _ in range(247):
        deep = [deep]
    roads.send(event("deep", properties={"value": 1, "deep": deep}))
    roads.settled("deep")
    assert roads.journey("deep")["event"] == "deep"


def test_an_event_of_a_batch_is_not_taken_for_one_whose_key_is_longer() -> None:
    contract = read("orb")
    house = create_app(Options(vendors=["orb"]))
    account = house.accounts.open("orb", contract.key("batch"))
    usages = [Usage(event, "acme", "calls", 1) for event in ("m-1", "m-10", "calls/m-1", "am-1")]
    effects = (Effects("accepted", usages),)
    exchange = account.record(Request("POST", "/v1/ingest"), "ingest", decided(effects), NOON)
    told = booked([exchange], account, ["m-1"])
    assert [entry["event"] for entry in told["entries"]] == ["m-1", "calls/m-1"]
    assert [usage["event"] for usage in told["billed"]] == ["m-1", "calls/m-1"]


def decided(effects: tuple[Effects, ...]) -> Decision:
    return Decision(Reply(200), effects)


NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_differences_are_of_what_is_there() -> None:
    assert differences({"a": 1, "b": None}, {"a": 2, "c": 3, "context": {}}) == [
        {"path": "$.a", "was": 1, "is": 2},
        {"path": "$.c", "was": None, "is": 3},
    ]
    assert differences(None, {"a": 1}) == []
    assert differences({"a": 1}, None) == []
