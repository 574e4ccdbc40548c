"""Three functions: one does not load, its repaired form loses usage, the third is right."""

from __future__ import annotations

from importlib.resources import files

import pytest

from sandbox.functions.runner import Unloadable
from tests.sandbox.functions.conftest import Bench, track

FUNCTIONS = files("fixtures") / "segment" / "functions"
SHADOWED, UNCHECKED, AWAITED = (
    (FUNCTIONS / f"{name}.js").read_text() for name in ("shadowed", "unchecked", "awaited")
)
ONCE = [("acme", "api_call", 1)]
STRANGER = track(userId="nobody")


def fault(kind: str, **more: object) -> dict[str, object]:
    return {"vendor": "hyperline", "fault": {"kind": kind, "endpoint": "ingest", **more}}


def test_a_constant_named_like_the_parameter_does_not_load(bench: Bench) -> None:
    """Rule segment.function.load."""
    with pytest.raises(Unloadable) as told:
        bench.results(SHADOWED)
    thrown = told.value.thrown
    assert thrown.name == "SyntaxError"
    assert thrown.message == "Identifier 'usage' has already been declared"
    assert thrown.line == 3
    assert bench.billed() == []


def test_a_4xx_that_is_taken_for_a_yes_is_lost_silently(bench: Bench) -> None:
    """Rule segment.function.success."""
    outcome, result = bench.one(UNCHECKED, STRANGER)
    assert outcome.kind == "lost silently"
    assert outcome.rules == ("segment.function.success", "hyperline.ingest.unknown-customer")
    call = result.tries[0].call
    assert call.resolved
    assert [made.status for made in call.requests] == [400]
    assert bench.billed() == []


def test_an_empty_201_that_is_read_as_json_discards_what_is_billed(bench: Bench) -> None:
    outcome, result = bench.one(UNCHECKED)
    assert (outcome.kind, outcome.code) == ("discarded", "400|BAD_REQUEST")
    assert outcome.reason == (
        "FetchError: invalid json response body at https://ingest.hyperline.co/v1/events "
        "reason: Unexpected end of JSON input"
    )
    assert [made.status for made in result.tries[0].call.requests] == [201]
    assert bench.billed() == ONCE
    assert len(result.billed) == 1


def test_an_empty_201_that_is_awaited_as_json_is_sent_until_segment_gives_up(bench: Bench) -> None:
    awaiting = UNCHECKED.replace("return answer.json()", "return await answer.json()")
    outcome, result = bench.one(awaiting, retries=3)
    assert (outcome.kind, outcome.code) == ("retried", "RETRY")
    assert outcome.reason.endswith("Unexpected end of JSON input (line 20)")
    assert len(result.tries) == 4
    assert bench.billed() == ONCE  # since messageId is the same at each try


def test_where_a_201_has_a_body_the_same_function_delivers(bench: Bench) -> None:
    switch = {"vendor": "hyperline", "settings": {"hyperline.ingest.reply": "object"}}
    outcome, _ = bench.one(UNCHECKED, stage=[switch])
    assert outcome.kind == "delivered"
    assert bench.billed() == ONCE


def test_one_that_awaits_and_throws_is_right(bench: Bench) -> None:
    outcome, _ = bench.one(AWAITED)
    assert outcome.kind == "delivered"
    assert bench.billed() == ONCE


def test_what_it_is_refused_it_tells_segment(bench: Bench) -> None:
    outcome, _ = bench.one(AWAITED, STRANGER)
    assert (outcome.kind, outcome.code) == ("discarded", "MESSAGE_REJECTED")
    assert outcome.reason.startswith("ValidationError: Hyperline answered 400: ")
    outcome, _ = bench.one(AWAITED, track(userId=None))
    assert (outcome.kind, outcome.code) == ("discarded", "MESSAGE_REJECTED")


@pytest.mark.parametrize(
    ("struck", "why"),
    [
        (fault("status", status=503), "RetryError: Hyperline answered 503: "),
        (fault("status", status=429), "RetryError: Hyperline answered 429: Too many requests"),
        (fault("reset"), "RetryError: request to https://ingest.hyperline.co/v1/events failed"),
        (fault("lost-reply"), "RetryError: request to https://ingest.hyperline.co/v1/events"),
    ],
    ids=["503", "429", "reset", "lost-reply"],
)
def test_what_passes_it_has_tried_again_and_is_billed_once(
    bench: Bench, struck: dict[str, object], why: str
) -> None:
    outcome, _ = bench.one(AWAITED, stage=[struck])
    assert outcome.kind == "retried"
    assert outcome.reason.startswith(why)
    outcome, result = bench.one(AWAITED, stage=[struck], retries=1)
    assert outcome.kind == "delivered"
    assert len(result.tries) == 2
    assert bench.billed() == ONCE
