"""What Segment would make of a handler, and what the ledgers make of it."""

from __future__ import annotations

import pytest

from tests.sandbox.functions.conftest import SEND, Bench, on_track, track

DELIVER = "const answer = await send(usage(event), settings)"
TYPES = ("identify", "track", "page", "screen", "group", "alias", "delete")


def test_an_event_is_handed_to_the_handler_of_its_type(bench: Bench) -> None:
    """Rule segment.function.handlers."""
    handlers = [f"on{kind.capitalize()}" for kind in TYPES]
    text = "\n".join(
        f"function {handler}(event, settings) {{ console.log(event.type, settings.apiKey) }}"
        for handler in handlers
    )
    events = [{"type": kind, "userId": "acme"} for kind in TYPES]
    results = bench.results(text, *events)
    assert [result.handler for result in results] == handlers
    for kind, result in zip(TYPES, results, strict=True):
        assert result.outcomes[0].kind == "no usage"
        assert result.tries[0].call.logs == [("log", f"{kind} test_demo")]
    for result in bench.results("function onOther() {}", *events):
        outcome = result.outcomes[0]
        assert (outcome.kind, outcome.code) == ("unsupported", "UNSUPPORTED_EVENT_TYPE")
        assert result.tries == []


def test_handlers_may_be_constants_and_need_not_be_asynchronous(bench: Bench) -> None:
    text = f"{SEND}\nconst onTrack = (event, settings) => send(usage(event), settings)"
    outcome, _ = bench.one(text)
    assert outcome.kind == "delivered"


BAD = ("discarded", "400|BAD_REQUEST")
THROWN = {
    "new RetryError('later')": ("retried", "RETRY"),
    "new EventNotSupported('no')": ("unsupported", "UNSUPPORTED_EVENT_TYPE"),
    "new InvalidEventPayload('no')": ("discarded", "MESSAGE_REJECTED"),
    "new ValidationError('no')": ("discarded", "MESSAGE_REJECTED"),
    "new Error('no')": BAD,
    "new TypeError('no')": BAD,
    "'no'": BAD,
    "null": BAD,
    "undefined": BAD,
}


@pytest.mark.parametrize("how", ["throw {};", "return Promise.reject({})"])
def test_what_is_thrown_decides(bench: Bench, how: str) -> None:
    """Rule segment.function.errors."""
    results = bench.each({thrown: how.replace("{}", thrown) for thrown in THROWN})
    told = {thrown: result.outcomes[0] for thrown, result in results.items()}
    assert {thrown: (o.kind, o.code) for thrown, o in told.items()} == THROWN


def test_a_class_of_ones_own_is_any_other_error(bench: Bench) -> None:
    """Rule segment.function.error-name."""
    text = "class Busy extends RetryError {}\nfunction onTrack() { throw new Busy('later') }"
    outcome, _ = bench.one(text)
    assert (outcome.kind, outcome.reason) == ("discarded", "Busy: later (line 2)")


@pytest.mark.parametrize("body", ["while (true) {}", "return new Promise(() => {})"])
def test_a_handler_that_does_not_settle_is_stopped_and_retried(bench: Bench, body: str) -> None:
    """Rule segment.function.timeout."""
    outcome, result = bench.one(on_track(body), timeout=0.25, retries=1)
    assert (outcome.kind, outcome.code) == ("retried", "ETIMEDOUT")
    assert outcome.reason == "the handler had not settled after 0.25 s"
    assert [one.call.timed_out for one in result.tries] == [True, True]


def test_what_was_sent_before_the_time_is_up_is_billed(bench: Bench) -> None:
    outcome, result = bench.one(on_track(f"{DELIVER}\nwhile (true) {{}}"), timeout=2.0)
    assert outcome.kind == "retried"
    assert len(result.billed) == 1
    assert bench.billed() == [("acme", "api_call", 1)]


UNAWAITED = {
    "a request": "send(usage(event), settings)",
    "a rejection": "Promise.reject(new Error('x'))\nawait send(usage(event), settings)",
    "a timer that throws": "setTimeout(() => { throw new Error('x') })\n"
    "await send(usage(event), settings)\nawait new Promise((then) => setTimeout(then, 20))",
}


def test_what_nobody_awaits_is_lost(bench: Bench) -> None:
    """Rule segment.function.unawaited."""
    for what, result in bench.each(UNAWAITED).items():
        assert result.outcomes[0].kind == "lost silently", what
        assert result.outcomes[0].rules[-1] == "segment.function.unawaited", what


def test_what_is_sent_after_the_handler_has_settled_is_not_sent(bench: Bench) -> None:
    later = "setTimeout(() => send(usage(event), settings), 1)"
    wait = "await new Promise((then) => setTimeout(then, 50))"
    body = f"if (event.messageId === 'm-1') {{ {later}\nreturn }}\n{wait}"
    first, second = bench.results(on_track(body), track("m-1"), track("m-2"))
    assert first.outcomes[0].reason == "the handler resolved, sent nothing and left timers running"
    assert first.outcomes[0].kind == "no usage"
    assert second.outcomes[0].kind == "no usage"
    assert bench.late == ["POST https://ingest.hyperline.co/v1/events"]
    assert bench.billed() == []


def test_what_fails_after_the_handler_has_settled_is_no_fault_of_the_next(bench: Bench) -> None:
    later = "setTimeout(() => { throw new Error('late') }, 1)"
    wait = "await new Promise((then) => setTimeout(then, 50))"
    body = f"{DELIVER}\nif (event.messageId === 'm-1') {{ {later}\nreturn }}\n{wait}"
    first, second = bench.results(on_track(body), track("m-1"), track("m-2"))
    assert (first.outcomes[0].kind, second.outcomes[0].kind) == ("delivered", "delivered")
    assert bench.late == ["Error: late"]


def test_a_track_call_of_which_nothing_is_usage_is_told(bench: Bench) -> None:
    create = "await send({}, settings, 'https://api.hyperline.co/v1/customers')"
    outcome, _ = bench.one(on_track(create))
    assert outcome.kind == "no usage"
    assert outcome.reason == "the handler resolved, and nothing that it sent is usage"
    text = f"{on_track(create)}\nconst onIdentify = onTrack"
    outcome, _ = bench.one(text, {"type": "identify", "userId": "u"})
    assert outcome.kind == "delivered"


def test_a_request_that_is_refused_and_then_taken_is_delivered(bench: Bench) -> None:
    struck = {"vendor": "hyperline", "fault": {"kind": "status", "status": 503}}
    again = "if (!answer.ok) await send(usage(event), settings)"
    outcome, _ = bench.one(on_track(f"{DELIVER}\n{again}"), stage=[struck])
    assert outcome.kind == "delivered"


def test_a_refusal_that_brings_no_usage_is_no_loss_where_the_usage_is_billed(bench: Bench) -> None:
    create = "await send({external_id: 'acme'}, settings, 'https://api.hyperline.co/v1/customers')"
    outcome, result = bench.one(on_track(f"{create}\n{DELIVER}"))
    assert [made.status for made in result.tries[0].call.requests] == [409, 201]
    assert outcome.kind == "delivered"
    outcome, _ = bench.one(on_track(create))
    assert outcome.kind == "lost silently"


@pytest.mark.parametrize(
    ("key", "path"), [("bad_key", "/v1/events"), ("test_demo", "/v1/event")], ids=["key", "path"]
)
def test_a_refusal_that_is_not_looked_at_is_a_loss(bench: Bench, key: str, path: str) -> None:
    body = f"await send(usage(event), {{apiKey: '{key}'}}, 'https://ingest.hyperline.co{path}')"
    outcome, _ = bench.one(on_track(body))
    assert outcome.kind == "lost silently"
    outcome, _ = bench.one(on_track(f"{DELIVER}\n{body}"))
    assert outcome.kind == "lost silently"


def test_a_2xx_that_bills_nothing_is_a_loss(bench: Bench) -> None:
    switch = {"hyperline.ingest.unknown-customer": "auto-create"}
    stage = [{"vendor": "hyperline", "settings": switch}]
    outcome, _ = bench.one(on_track(DELIVER), track(userId="nobody"), stage=stage)
    assert (outcome.kind, bench.billed()) == ("lost silently", [])
    assert outcome.reason == "Hyperline answered 201: the event is unmatched"
    assert "hyperline.ingest.unknown-customer" in outcome.rules


def test_one_identity_for_all_events_loses_all_but_one(bench: Bench) -> None:
    body = "await send(usage({...event, messageId: 'constant'}), settings)"
    first, second = bench.results(on_track(body), track("m-1"), track("m-2"))
    assert first.outcomes[0].kind == "delivered"
    assert second.outcomes[0].kind == "lost silently"
    assert "the event of m-1" in second.outcomes[0].reason
    assert second.outcomes[0].rules[-1] == "hyperline.ingest.identity"
    assert bench.billed() == [("acme", "api_call", 1)]


def test_two_vendors_are_judged_each_for_itself(bench: Bench) -> None:
    ingest = (
        "const body = { events: [{ event_name: 'call', idempotency_key: event.messageId,"
        " timestamp: event.timestamp, external_customer_id: 'acme', properties: {} }] }\n"
        "await send(body, { apiKey: 'orb-key' }, 'https://api.withorb.com/v1/ingest')"
    )
    customer = {"name": "A", "email": "a@acme.test", "external_customer_id": "acme"}
    orb = {"vendor": "orb", "method": "POST", "path": "/v1/customers", "json": customer}
    outcome, _ = bench.one(on_track(f"{DELIVER}\n{ingest}"), stage=[orb])
    assert outcome.kind == "delivered"
    assert sorted(bench.billed()) == [("acme", "api_call", 1), ("acme", "call", 1)]
    struck = {"vendor": "orb", "fault": {"kind": "status", "status": 401}}
    outcome, _ = bench.one(on_track(f"{DELIVER}\n{ingest}"), stage=[orb, struck])
    assert outcome.kind == "lost silently"
    assert outcome.reason.startswith("Orb answered 401 to POST https://api.withorb.com/v1/ingest")


def test_what_is_handed_back_to_segment_is_billed_by_nobody(bench: Bench) -> None:
    body = (
        "const headers = { authorization: `Basic ${btoa('a-write-key:')}` }\n"
        "const body = JSON.stringify({ ...event, messageId: 'x', event: NAME })\n"
        "await fetch('https://api.segment.io/v1/track', { method: 'POST', headers, body })"
    )
    outcome, _ = bench.one(on_track(body.replace("NAME", "'again'")))
    assert outcome.kind == "no usage"
    outcome, _ = bench.one(on_track(body.replace("NAME", "''")))
    assert outcome.kind == "lost silently"
    assert outcome.rules[-1] == "segment.discard.event_not_defined"


def test_a_200_that_says_no_is_a_loss(bench: Bench) -> None:
    body = (
        "await fetch('https://api.usekana.com/graphql', { method: 'POST', headers: "
        "{ authorization: 'prv_test_demo', 'content-type': 'application/json' }, "
        "body: JSON.stringify({ query: 'mutation { noSuchThing }' }) })"
    )
    outcome, result = bench.one(on_track(body))
    (made,) = result.tries[0].call.requests
    assert (outcome.kind, made.refused) == ("lost silently", True)
    assert made.exchange is not None
    assert made.exchange.reply.refuses
