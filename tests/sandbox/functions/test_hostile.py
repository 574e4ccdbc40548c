"""Functions that misbehave are told about in a line; the next event is none the worse for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.functions.runner import Unloadable
from tests.sandbox.functions.conftest import Bench, on_track, track

OUTSIDE = "Buffer.constructor('return process')()"
"""The way out of a context that everybody knows."""
DELIVER = "await send(usage(event), settings)"


def test_a_function_that_ends_its_process(bench: Bench) -> None:
    """Rule segment.function.crash."""
    body = f"if (event.messageId === 'm-1') {OUTSIDE}.exit(3)\n{DELIVER}"
    first, second = bench.results(on_track(body), track("m-1"), track("m-2"))
    assert first.outcomes[0].kind == "crashed"
    assert first.outcomes[0].reason == "it ended with exit code 3"
    assert second.outcomes[0].kind == "delivered"


def test_process_exit_is_not_even_there(bench: Bench) -> None:
    outcome, _ = bench.one(on_track("process.exit(0)"))
    assert outcome.reason == "ReferenceError: process is not defined (line 17)"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("while (true) {}", "Timeout"),
        (f"{OUTSIDE}.exit(1)", "Crash"),
        ("throw new Error('at once')", "Error"),
        ("function onTrack( {", "SyntaxError"),
        ("import fs from 'fs'", "SyntaxError"),
        ("onTrack()", "ReferenceError"),
    ],
)
def test_code_that_does_not_load(bench: Bench, text: str, name: str) -> None:
    loading = 1.0 if name == "Timeout" else 30.0
    with pytest.raises(Unloadable) as told:
        bench.results(text, loading=loading)
    assert told.value.thrown.name == name


@pytest.mark.parametrize("text", ["", "function onTrack() {} // open"])
def test_code_that_does_little_loads(bench: Bench, text: str) -> None:
    outcome, _ = bench.one(text)
    assert outcome.kind in ("unsupported", "no usage")


def test_output_without_end_is_cut(bench: Bench) -> None:
    """Rule segment.function.console."""
    body = "for (let n = 0; n < 10000; n++) console.log('x'.repeat(n * 100))\n" + DELIVER
    outcome, result = bench.one(on_track(body))
    assert outcome.kind == "delivered"
    assert 4000 < sum(len(text) for _, text in result.tries[0].call.logs) <= 4096


def test_an_error_without_end_is_cut(bench: Bench) -> None:
    outcome, _ = bench.one(on_track("throw new Error('x'.repeat(1e7))"))
    assert len(outcome.reason) < 2100


def test_requests_without_end_are_cut(bench: Bench) -> None:
    outcome, _ = bench.one(on_track("for (;;) await fetch('https://example.com/').catch(() => 0)"))
    assert (outcome.kind, outcome.reason) == ("crashed", "it sent more than 1,000 requests")


def test_a_body_of_many_megabytes_is_refused_by_the_vendor(bench: Bench) -> None:
    outcome, result = bench.one(on_track("await send('x'.repeat(9e6), settings)"))
    assert [made.status for made in result.tries[0].call.requests] == [413]
    assert outcome.kind == "lost silently"


HOSTILE = {
    "promises": "Promise.prototype.then = function () {}",
    "json": "JSON.stringify = () => 'no'\nJSON.parse = () => { throw 1 }",
    "arrays": "Array.prototype[Symbol.iterator] = null\nArray.prototype.map = null",
    "objects": "Object.prototype.toJSON = () => 'no'\nObject.prototype.then = () => {}",
    "errors": "Error.prepareStackTrace = () => { throw 1 }",
    "globals": "globalThis.fetch = globalThis.RetryError = undefined",
    "frozen": "Object.freeze(Object.prototype), Object.freeze(Promise.prototype)",
    "noise": f"{OUTSIDE}.stdout.write('not ours\\n[1]\\n' + '{{\"told\": \"loaded\"}}\\n')",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_function_changes_there_is_an_outcome(bench: Bench, name: str) -> None:
    text = f"{HOSTILE[name]}\nfunction onTrack() {{ throw new Error('after all') }}"
    outcome, _ = bench.one(text, timeout=1.0)
    assert outcome.kind in ("discarded", "retried", "no usage")


THROWN = {
    "proxy": "new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } })",
    "getters": "{ get name() { throw 1 }, get message() { throw 2 }, get stack() { throw 3 } }",
    "symbol": "Symbol('x')",
    "bare": "Object.create(null)",
    "nested": "Object.assign(new Error('x'), { name: { toString() { throw 1 } } })",
}


def test_whatever_is_thrown_is_told(bench: Bench) -> None:
    for name, result in bench.each({n: f"throw {code}" for n, code in THROWN.items()}).items():
        assert result.outcomes[0].kind == "discarded", name


def test_a_name_that_takes_forever_is_a_handler_that_does(bench: Bench) -> None:
    outcome, _ = bench.one(on_track("throw { get name() { for (;;) {} } }"), timeout=0.5)
    assert outcome.kind == "retried"


def test_an_event_may_have_names_that_javascript_gives_a_meaning(bench: Bench) -> None:
    event = track(properties=json.loads('{"__proto__": {"polluted": 1}, "constructor": 2}'))
    body = "console.log(Object.keys(event.properties).join(), {}.polluted)\n" + DELIVER
    outcome, result = bench.one(on_track(body), event)
    assert result.tries[0].call.logs == [("log", "__proto__,constructor undefined")]
    assert outcome.kind == "delivered"


def test_out_of_its_context_it_still_reads_no_file_and_starts_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    file, out = json.dumps(str(secret)), f"{OUTSIDE}.mainModule.require"
    acts = {
        "reads": f"{out}('fs').readFileSync({file})",
        "writes": f"{out}('fs').writeFileSync({file}, 'x')",
        "starts": f"{out}('child_process').execSync('id')",
        "threads": f"new ({out}('worker_threads').Worker)({file})",
        "binds": f"{OUTSIDE}.binding('fs')",
    }
    for name, result in bench.each({n: f"return {act}" for n, act in acts.items()}).items():
        assert result.outcomes[0].kind == "discarded", name
        reason = result.outcomes[0].reason
        assert "has been restricted" in reason or "process.binding" in reason, name
    assert secret.read_text() == "secret"


OUT = {
    "net').connect(80, 'example.com').on('error', no)": "example.com:80",
    "https').get('https://example.com/').on('error', no)": "example.com:443",
    "dns').lookup('example.com', (fault) => no(fault))": "example.com",
    "dns').promises.lookup('example.com').catch(no)": "example.com",
    "http2').connect('https://example.com').on('error', no)": "example.com:443",
}


def test_out_of_its_context_it_still_connects_to_nothing(bench: Bench) -> None:
    promise = f"return new Promise((_, no) => {OUTSIDE}.mainModule.require('"
    for code, result in bench.each({code: f"{promise}{code})" for code in OUT}).items():
        assert "meterbox lets nothing out" in result.outcomes[0].reason, code
        assert result.tries[0].call.egress == [OUT[code]]
