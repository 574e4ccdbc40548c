"""onBatch: many events, one call, and an outcome for each."""

from __future__ import annotations

import pytest

from tests.sandbox.functions.conftest import SEND, Bench, track

THREE = [track("m-1"), track("m-2"), track("m-3")]


def on_batch(body: str) -> str:
    return f"{SEND}\nasync function onBatch(events, settings) {{\n{body}\n}}"


POST = (
    "const url = 'https://ingest.hyperline.co/v1/events/batch'\n"
    "const answer = await send(events.map((event) => usage(event)), settings, url)"
)


def kinds(bench: Bench, body: str, *events: dict[str, object], **options: object) -> list[str]:
    (result,) = bench.results(on_batch(body), *(events or THREE), batch=20, **options)  # type: ignore[arg-type]
    return [result.outcomes[number].kind for number in sorted(result.outcomes)]


def test_a_batch_is_one_call_and_one_request(bench: Bench) -> None:
    (result,) = bench.results(on_batch(POST), *THREE, batch=20)
    assert [outcome.kind for outcome in result.outcomes.values()] == ["delivered"] * 3
    assert len(result.tries[0].call.requests) == 1
    assert bench.billed() == [("acme", "api_call", 3)]


def test_batches_are_of_the_size_asked_for(bench: Bench) -> None:
    text = "function onBatch(events) { console.log(events.length) }"
    results = bench.results(text, *THREE, batch=2)
    assert [r.tries[0].call.logs for r in results] == [[("log", "2")], [("log", "1")]]


def test_without_batching_on_batch_is_not_called(bench: Bench) -> None:
    results = bench.results(on_batch(POST), *THREE)
    assert [r.outcomes[0].kind for r in results] == ["unsupported"] * 3


@pytest.mark.parametrize(
    ("thrown", "kind"), [("RetryError", "retried"), ("ValidationError", "discarded")]
)
def test_what_on_batch_throws_counts_for_all(bench: Bench, thrown: str, kind: str) -> None:
    """Rule segment.function.batch."""
    assert kinds(bench, f"throw new {thrown}('no')") == [kind] * 3


def test_a_status_for_each_event_decides_for_each(bench: Bench) -> None:
    """Rule segment.function.batch-status."""
    body = "return [{status: 200}, {status: 400, errormessage: 'bad'}, {status: 503}]"
    (result,) = bench.results(on_batch(f"{POST}\n{body}"), *THREE, batch=20)
    told = [(o.kind, o.reason) for o in result.outcomes.values()]
    assert told == [
        ("delivered", "onBatch reports 200"),
        ("discarded", "onBatch reports 400: bad"),
        ("retried", "onBatch reports 503"),
    ]
    assert kinds(bench, "return events.map(() => ({status: 429}))") == ["discarded"] * 3


def test_only_what_failed_is_handed_over_again(bench: Bench) -> None:
    body = (
        "console.log(events.map((event) => event.messageId).join())\n"
        "return events.map((event) => ({status: event.messageId === 'm-2' ? 500 : 200}))"
    )
    (result,) = bench.results(on_batch(body), *THREE, batch=20, retries=1)
    logs = [text for one in result.tries for _, text in one.call.logs]
    assert logs == ["m-1,m-2,m-3", "m-2"]
    assert result.outcomes[1].kind == "retried"


@pytest.mark.parametrize(
    "told", ["[{status: 500}]", "[500, 500, 500]", "[{status: 500}, {status: 500}, {}]", "'no'"]
)
def test_another_list_reports_nothing(bench: Bench, told: str) -> None:
    """Rule segment.function.batch-status."""
    assert kinds(bench, f"{POST}\nreturn {told}") == ["delivered"] * 3


def test_answers_are_no_report(bench: Bench) -> None:
    """As JSON a Response has no status."""
    body = "return Promise.all(events.map((event) => send(usage(event), settings)))"
    assert kinds(bench, body) == ["delivered"] * 3


def test_what_a_2xx_calls_failed_is_lost_alone(bench: Bench) -> None:
    events = [track("m-1"), track("m-2", userId="nobody"), track("m-3")]
    assert kinds(bench, POST, *events) == ["delivered", "lost silently", "delivered"]
    assert bench.billed() == [("acme", "api_call", 2)]


def test_a_batch_that_is_refused_is_lost_whole(bench: Bench) -> None:
    mixed = [track("m-1"), track("m-2", event="other"), track("m-3")]
    assert kinds(bench, POST, *mixed) == ["lost silently"] * 3


def test_events_of_one_identity_in_one_batch_are_lost(bench: Bench) -> None:
    body = POST.replace("usage(event)", "usage({...event, messageId: 'same'})")
    assert kinds(bench, body) == ["lost silently"] * 3
    assert bench.billed() == [("acme", "api_call", 1)]


def test_a_message_id_that_begins_as_another_is_not_taken_for_it(bench: Bench) -> None:
    body = "for (const event of events) await send(usage(event), settings)"
    events = track("m-1"), track("m-10", userId="ghost")
    assert kinds(bench, body, *events) == ["delivered", "lost silently"]
    assert kinds(bench, body, *reversed(events)) == ["lost silently", "delivered"]


def test_an_identity_that_names_two_events_concerns_both(bench: Bench) -> None:
    body = "for (const event of events) await send(usage(event), settings)"
    events = track("m-1", event="m-10", userId="ghost"), track("m-10")
    assert kinds(bench, body, *events) == ["lost silently", "lost silently"]
