"""What Segment takes, hands on and remembers, seen from both ends."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.reader import read
from sandbox.reply import Outcome
from sandbox.segment.arrivals import Arrival
from sandbox.segment.rules import MOST, State, Terms, sift
from tests.sandbox.segment.conftest import KEY, NOW, Source

TERMS = Terms.of(
    {**read("segment").defaults, "segment.dedup.window": timedelta(hours=24)},
)


def track(id: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Api Call", "userId": "acme", "messageId": id, **more}


def outcomes(source: Source, key: str = KEY) -> list[tuple[str, Outcome, str | None]]:
    entries = source.account(key).ledger.entries()
    return [(entry.usage.event, entry.outcome, entry.rule) for entry in entries]


def test_only_what_is_published_for_the_first_time_is_forwarded(source: Source) -> None:
    bad = track("m-2", userId=None)
    source.post("/v1/batch", {"batch": [track("m-1"), bad, track("m-1"), track("m-3")]})
    source.post("/v1/batch", {"batch": [track("m-3"), track("m-4")]})
    assert [event["messageId"] for _, event in source.forwarded] == ["m-1", "m-3", "m-4"]
    assert outcomes(source) == [
        ("m-1", "accepted", None),
        ("m-3", "accepted", None),
        ("m-1", "duplicate", "segment.dedup.window"),
        ("m-2", "dropped", "segment.discard.no_user_anon_id"),
        ("m-4", "accepted", None),
        ("m-3", "duplicate", "segment.dedup.window"),
    ]


def test_a_refused_batch_leaves_no_trace_of_its_ids(make_source) -> None:
    source = make_source(strict=True)
    batch = {"batch": [track("m-1"), track("m-2", event=7)]}
    assert source.post("/v1/batch", batch).status_code == 400
    assert source.forwarded == []
    assert source.post("/v1/track", track("m-1")).status_code == 200
    assert [event["messageId"] for _, event in source.forwarded] == ["m-1"]


def test_the_write_key_is_not_forwarded_and_the_body_is_not_changed(source: Source) -> None:
    source.post("/v1/track", {**track("m-1"), "writeKey": KEY}, key=None)
    (key, event), *_ = source.forwarded
    assert key == KEY
    assert KEY not in str(event)


@pytest.mark.parametrize(
    "body",
    [
        {"batch": [track("m-1")], "writeKey": "write-key-2"},
        {"batch": [track("m-1", writeKey="write-key-2")]},
    ],
)
def test_a_key_in_the_body_opens_the_account_of_that_key(source: Source, body: Any) -> None:
    source.post("/v1/batch", body, key=None)
    assert outcomes(source, "write-key-2") == [("m-1", "accepted", None)]


def test_a_header_with_a_bearer_token_leaves_the_key_to_the_body(source: Source) -> None:
    headers = {"authorization": "Bearer token"}
    body = {**track("m-1"), "writeKey": "write-key-2"}
    source.post("/v1/track", body, key=None, headers=headers)
    assert outcomes(source, "write-key-2") == [("m-1", "accepted", None)]


def test_another_key_is_not_told_in_full(source: Source) -> None:
    source.post("/v1/track", {**track("m-1"), "writeKey": "another-write-key"})
    (exchange,) = source.account().journal.after(0)
    assert [finding.value for finding in exchange.findings] == ["another-…(17)"]


def test_an_unknown_key_is_answered_200_and_its_calls_are_dropped(source: Source) -> None:
    answer = source.post("/v1/batch", {"batch": [track("m-1")]}, key="bad_key")
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert source.forwarded == []
    assert outcomes(source, "") == [("m-1", "dropped", "segment.discard.project_not_found")]


def test_an_unknown_key_is_answered_401_in_strict_mode(make_source) -> None:
    source = make_source(strict=True)
    answer = source.post("/v1/batch", {"batch": [track("m-1")]}, key="bad_key")
    assert (answer.status_code, answer.json()["code"]) == (401, "project_not_found")
    assert outcomes(source, "") == [("m-1", "rejected", "segment.discard.project_not_found")]


def test_the_1001st_request_of_a_second_is_told_when_to_come_again(make_source) -> None:
    source = make_source(**{"rate-limits": "recommended"})
    limits = source.account().limits
    for _ in range(1_000):
        assert limits.exceeded("track", 0, NOW, mode="recommended") is None
    answer = source.post("/v1/track", track("m-1"))
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert answer.headers["retry-after"] == answer.headers["x-ratelimit-reset"] == "1"
    assert source.forwarded == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_fault_speaks_as_segment_does(source: Source, status: int) -> None:
    reply = source.account().room.words.failing(status, 7)
    assert reply.status == status
    assert dict(reply.headers) == {b"retry-after": b"7", b"x-ratelimit-reset": b"7"}


def test_ids_are_assigned_the_same_way_each_time(make_source) -> None:
    ids = []
    for _ in range(2):
        source = make_source()
        source.post("/v1/track", {"event": "Api Call", "userId": "acme"})
        ids.append(source.forwarded[0][1]["messageId"])
    assert ids[0] == ids[1]


def test_ids_are_forgotten_when_their_window_is_over() -> None:
    state = State()
    calls = [Arrival(track(f"m-{n}"), "track", n) for n in range(MOST)]
    sift(calls, state, TERMS, NOW)
    sift([Arrival(track("later"), "track", 0)], state, TERMS, NOW + timedelta(hours=25))
    assert list(state.seen) == ["later"]


def test_the_debugger_shows_the_latest_fifty(source: Source) -> None:
    source.post("/v1/batch", {"batch": [track(f"m-{n}") for n in range(60)]})
    account = source.account()
    shown = account.room.dashboard["debugger"](account, {}, NOW)["events"]
    assert [event["messageId"] for event in shown] == [f"m-{n}" for n in range(10, 60)]
