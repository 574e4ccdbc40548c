"""What is tried again is billed once where the identity stays, and again where it does not."""

from __future__ import annotations

from tests.sandbox.functions.conftest import Bench, on_track, track

LOST = {"vendor": "hyperline", "fault": {"kind": "lost-reply", "endpoint": "ingest"}}
CATCH = "try {{ await send({}, settings) }} catch (fault) {{ throw new RetryError(fault.message) }}"
RANDOM = "usage({...event, messageId: crypto.randomUUID()})"


def test_a_reply_that_is_lost_is_billed_once_where_the_identity_stays(bench: Bench) -> None:
    text = on_track(CATCH.format("usage(event)"))
    outcome, result = bench.one(text, stage=[LOST], retries=1)
    assert (outcome.kind, len(result.tries)) == ("delivered", 2)
    assert result.tries[0].outcomes[0].reason == (
        "RetryError: request to https://ingest.hyperline.co/v1/events failed, "
        "reason: socket hang up (line 17)"
    )
    assert bench.billed() == [("acme", "api_call", 1)]


def test_a_new_identity_at_each_try_is_billed_each_time(bench: Bench) -> None:
    """Rule segment.function.again."""
    outcome, result = bench.one(on_track(CATCH.format(RANDOM)), stage=[LOST], retries=1)
    assert (outcome.kind, len(result.tries)) == ("billed twice", 2)
    assert outcome.rules == ("segment.function.again",)
    assert bench.billed() == [("acme", "api_call", 2)]


def test_one_event_that_comes_twice_is_billed_twice_under_another_identity(bench: Bench) -> None:
    text = on_track(f"await send({RANDOM}, settings)")
    kinds = [r.outcomes[0].kind for r in bench.results(text, track("m-1"), track("m-1"))]
    assert kinds == ["delivered", "billed twice"]
    kinds = [r.outcomes[0].kind for r in bench.results(text, track("m-1"), track("m-2"))]
    assert kinds == ["delivered", "delivered"]


def test_usage_in_two_parts_is_billed_once_though_the_second_came_later(bench: Bench) -> None:
    struck = {"kind": "status", "status": 503, "endpoint": "ingest", "skip": 1}
    part = "{{...usage(event), record: {{id: event.messageId + '{}'}}}}"
    send = f"await send({part}, settings)"
    second = f"const last = {send.format('-b')}\nif (!last.ok) throw new RetryError('later')"
    text = on_track(f"{send.format('-a')}\n{second}")
    stage = [{"vendor": "hyperline", "fault": struck}]
    outcome, _ = bench.one(text, stage=stage, retries=1)
    assert outcome.kind == "delivered"
    assert bench.billed() == [("acme", "api_call", 2)]


def test_what_is_not_retried_is_tried_once(bench: Bench) -> None:
    _, result = bench.one(on_track("throw new Error('no')"), retries=5)
    assert len(result.tries) == 1
