"""fetch does what node-fetch 2.6.0 did when it was asked the same, and leads to vendors alone."""

from __future__ import annotations

import json
from typing import Any

from tests.sandbox.functions.conftest import Bench, on_track

EVENTS = "https://ingest.hyperline.co/v1/events"
AGENT = "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)"
USUAL = {"accept": "*/*", "user-agent": AGENT, "accept-encoding": "gzip,deflate"}
TEXT, FORM = "text/plain;charset=UTF-8", "application/x-www-form-urlencoded;charset=UTF-8"


def said(bench: Bench, body: str) -> Any:
    """What the handler's last console.log says, as JSON."""
    _, result = bench.one(on_track(body))
    assert result.tries[0].call.threw is None
    return json.loads(result.tries[0].call.logs[-1][1])


FAULTS = {
    "fetch('foo/bar')": ("TypeError", "Only absolute URLs are supported"),
    "fetch()": ("TypeError", "Only absolute URLs are supported"),
    "fetch('ftp://foo/bar')": ("TypeError", "Only HTTP(S) protocols are supported"),
    "fetch(URL_, {body: 'x'})": ("TypeError", "Request with GET/HEAD method cannot have body"),
    "fetch(URL_, {headers: {'a b': '1'}})": (
        "TypeError",
        "a b is not a legal HTTP header name",
    ),
    "fetch(URL_, {headers: {a: '1\\n2'}})": (
        "TypeError",
        "1\n2 is not a legal HTTP header value",
    ),
    "fetch(URL_).then((a) => a.text().then(() => a.json()))": (
        "TypeError",
        f"body used already for: {EVENTS}",
    ),
    "send(usage(event), settings).then((a) => a.json())": (
        "FetchError",
        f"invalid json response body at {EVENTS} reason: Unexpected end of JSON input",
    ),
}


def test_fetch_does_as_node_fetch_does(bench: Bench) -> None:
    """Rule segment.function.fetch."""
    bodies = {code: f"await {code.replace('URL_', repr(EVENTS))}" for code in FAULTS}
    told = {}
    for code, result in bench.each(bodies).items():
        threw = result.tries[0].call.threw
        told[code] = (threw.name, threw.message) if threw else None
    assert told == FAULTS


MADE: list[tuple[str, dict[str, str], bytes]] = [
    ("{method: 'post', body: 'x'}", {"content-type": TEXT, "content-length": "1"}, b"x"),
    ("{method: 'patch', body: {a: 1}}", {"content-type": TEXT}, b"[object Object]"),
    ("{method: 'POST', body: 5}", {"content-type": TEXT}, b"5"),
    ("{method: 'POST', body: Buffer.from('x')}", {"content-length": "1"}, b"x"),
    ("{method: 'POST', body: new Uint8Array([120])}", {"content-length": "1"}, b"x"),
    ("{method: 'POST', body: new URLSearchParams('a=1')}", {"content-type": FORM}, b"a=1"),
    ("{method: 'POST'}", {"content-length": "0"}, b""),
    ("{}", {}, b""),
    ("{headers: {'X-A': undefined, 'x-b': 3}}", {"x-a": "undefined", "x-b": "3"}, b""),
    ("{headers: [['x-a', '1'], ['x-a', '2']]}", {"x-a": "1, 2"}, b""),
    ("{headers: new Headers({'X-A': '1'})}", {"x-a": "1"}, b""),
]


def test_a_request_is_as_node_fetch_makes_it(bench: Bench) -> None:
    bodies = {options: f"await fetch('{EVENTS}', {options})" for options, _, _ in MADE}
    results = bench.each(bodies)
    for options, headers, body in MADE:
        asked = results[options].tries[0].call.requests[0].asked
        assert asked.body == body, options
        assert asked.method == asked.method.upper(), options
        assert {**dict(asked.headers), **USUAL, **headers} == dict(asked.headers), options
        assert ("content-type" in dict(asked.headers)) == ("content-type" in headers), options


def test_an_answer_has_what_node_fetch_gives_it(bench: Bench) -> None:
    read = "a.ok, a.status, a.statusText, a.url, a.redirected, a.bodyUsed, await a.text()"
    more = "a.headers.get('Content-Type'), a.headers.get('none'), a.headers.has('content-type')"
    told = said(
        bench,
        f"const a = await fetch('{EVENTS}', {{method: 'POST'}})\n"
        f"console.log(JSON.stringify([{read}, {more}, Object.keys(a)]))",
    )
    refusal = told.pop(6)
    assert json.loads(refusal)["message"] == "Missing authentication token"
    shown = [False, 401, "Unauthorized", EVENTS, False, False]
    assert told == [*shown, "application/json", None, True, []]


def test_an_answer_can_be_read_in_each_way_and_cloned(bench: Bench) -> None:
    each = "(await a.buffer()).length, (await b.arrayBuffer()).byteLength, (await c.json()).message"
    told = said(
        bench,
        f"const a = await fetch('{EVENTS}', {{method: 'POST'}}), b = a.clone(), c = a.clone()\n"
        f"console.log(JSON.stringify([{each}]))",
    )
    assert told[0] == told[1] > 0
    assert told[2] == "Missing authentication token"


def test_a_request_object_can_be_sent(bench: Bench) -> None:
    make = f"new Request('{EVENTS}', {{method: 'PUT', headers: {{a: 'b'}}, body: 'x'}})"
    _, result = bench.one(on_track(f"await fetch({make})"))
    asked = result.tries[0].call.requests[0].asked
    assert (asked.method, asked.url, asked.body) == ("PUT", EVENTS, b"x")
    assert ("a", "b") in asked.headers


def test_no_answer_in_the_callers_time_is_a_fetch_error(bench: Bench) -> None:
    slow = {"vendor": "hyperline", "fault": {"kind": "delay", "seconds": 0.2}}
    late = "fetch('{}', {{timeout: 20, headers: {{authorization: 'Bearer test_demo'}}}})"
    _, result = bench.one(on_track(f"await {late.format(EVENTS)}"), stage=[slow])
    threw = result.tries[0].call.threw
    assert threw is not None
    assert (threw.name, threw.message) == ("FetchError", f"network timeout at: {EVENTS}")


CLOSED = {
    "https://example.com/x": "https://example.com, which is no vendor's host",
    "https://ingest.hyperlin.co/v1/events": "did you mean ingest.hyperline.co?",
    "http://ingest.hyperline.co/v1/events": "the vendor's address is https://ingest",
    "https://ingest.hyperline.co:8443/v1/events": "the vendor's address is https://ingest",
    "http://127.0.0.1:4020/hyperline/v1/events": "which is no vendor's host",
    "https://user:pass@[::1]/": "which is no vendor's host",
}


def test_nothing_else_is_let_out(bench: Bench) -> None:
    post = "await fetch('{}', {{method: 'POST'}})"
    for url, result in bench.each({url: post.format(url) for url in CLOSED}).items():
        assert result.outcomes[0].kind == "discarded"
        assert CLOSED[url] in result.outcomes[0].reason
        assert result.tries[0].call.requests[0].exchange is None
    caught = bench.each({url: f"{post.format(url)}.catch(() => 0)" for url in CLOSED})
    assert {result.outcomes[0].kind for result in caught.values()} == {"lost silently"}


def test_a_host_header_leads_nowhere_else(bench: Bench) -> None:
    body = f"await fetch('{EVENTS}', {{headers: {{host: 'api.withorb.com'}}}})"
    _, result = bench.one(on_track(body))
    exchange = result.tries[0].call.requests[0].exchange
    assert exchange is not None
    assert exchange.vendor == "hyperline"
    assert exchange.request.header("host") == "ingest.hyperline.co"
