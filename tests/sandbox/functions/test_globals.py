"""What a function finds around it: what Segment documents, and nothing else of Node.js's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.functions.source import Lacking, packages
from tests.sandbox.functions.conftest import Bench, on_track

THERE = """
    Buffer EventNotSupported Headers InvalidEventPayload Request Response RetryError URL
    URLSearchParams ValidationError atob btoa cache clearInterval clearTimeout console crypto
    fetch setInterval setTimeout zlib
"""
ABSENT = """
    require process module exports global setImmediate performance AbortController TextEncoder
    structuredClone queueMicrotask Blob window Segment
"""


def said(bench: Bench, body: str) -> list[str]:
    _, result = bench.one(on_track(body))
    return [text for _, text in result.tries[0].call.logs]


def test_what_segment_documents_is_there(bench: Bench) -> None:
    """Rule segment.function.globals."""
    lines = [f"console.log('{name}', typeof {name})" for name in THERE.split()]
    assert [line for line in said(bench, "\n".join(lines)) if "undefined" in line] == []


def test_nothing_else_of_nodes_is_there(bench: Bench) -> None:
    """Rule segment.function.globals."""
    lines = [f"console.log('{name}', typeof {name})" for name in ABSENT.split()]
    assert said(bench, "\n".join(lines)) == [f"{name} undefined" for name in ABSENT.split()]


def test_nothing_can_be_imported(bench: Bench) -> None:
    outcome, _ = bench.one(on_track("await import('node:fs')"))
    assert outcome.kind == "discarded"


def test_they_do_what_they_are_for(bench: Bench) -> None:
    body = """
    console.log(btoa('key:'), atob('a2V5Og=='), btoa('\\u20ac') === btoa('\\xac'))
    console.log(crypto.createHmac('sha1', 'k').update('x').digest('hex').length)
    console.log(zlib.zlib.inflateSync(zlib.zlib.deflateSync('x')).toString())
    let made = 0
    const make = async () => ++made
    console.log(await cache.load('k', -1, make), await cache.load('k', 1000, make))
    cache.delete('k')
    console.log(await cache.load('k', -1, make))
    console.error(new RetryError('x') instanceof Error, new RetryError('x').name)
    console.log(event instanceof Object, [] instanceof Array, new Date().getTimezoneOffset())
    """
    assert said(bench, body) == [
        "a2V5Og== key: true",
        "40",
        "x",
        "1 1",
        "2",
        "true RetryError",
        "true true 0",
    ]


def test_global_variables_live_as_long_as_the_process(bench: Bench) -> None:
    text = "let calls = 0\nfunction onTrack() { console.log(++calls) }"
    event = {"type": "track", "event": "x", "userId": "u"}
    results = bench.results(text, event, event)
    assert [r.tries[0].call.logs for r in results] == [[("log", "1")], [("log", "2")]]


def install(folder: Path, package: str, code: str) -> None:
    at = folder / "node_modules" / package
    at.mkdir(parents=True)
    (at / "package.json").write_text(json.dumps({"name": package, "main": "index.js"}))
    (at / "index.js").write_text(code)


def test_a_package_that_is_installed_beside_the_function_is_there(bench: Bench) -> None:
    install(bench.folder, "lodash", "exports.upper = (text) => text.toUpperCase()")
    install(bench.folder.parent, "uuidv5", "module.exports = () => 'an id'")
    assert said(bench, "console.log(_.upper('x'), uuidv5.uuidv5())") == ["X an id"]


def test_a_package_may_be_a_link_to_somewhere_else(bench: Bench, tmp_path: Path) -> None:
    install(tmp_path / "store", "lodash", "exports.upper = (text) => text.toUpperCase()")
    modules = bench.folder / "node_modules"
    modules.mkdir()
    (modules / "lodash").symlink_to(tmp_path / "store" / "node_modules" / "lodash")
    assert said(bench, "console.log(_.upper('x'))") == ["X"]


@pytest.mark.parametrize(
    ("code", "command"),
    [
        ("moment()", "npm install --prefix {} moment-timezone@0.5.31"),
        ("new google.cloud.bigquery.BigQuery()", "{} @google-cloud/bigquery@5.3.0"),
        ("https.get('https://x')", "uses https, which Segment has and meterbox has not"),
    ],
)
def test_one_that_is_not_says_how_to_install_it(bench: Bench, code: str, command: str) -> None:
    with pytest.raises(Lacking) as told:
        bench.results(on_track(code))
    assert command.format(bench.folder) in str(told.value)


def test_one_that_is_not_says_so_too_when_the_code_is_loaded(bench: Bench) -> None:
    with pytest.raises(Lacking):
        bench.results("const made = moment()\nfunction onTrack() {}")


def test_one_that_is_not_used_does_not_matter(bench: Bench) -> None:
    outcome, result = bench.one(on_track("if (typeof moment === 'function') moment()"))
    assert outcome.kind == "no usage"
    assert result.tries[0].call.lacking == ["moment"]


def test_every_package_has_a_name_of_its_own() -> None:
    assert "_" in packages()
    assert len({entry.get("package") for entry in packages().values()}) == len(packages())


def test_a_name_can_be_taken_for_something_else(bench: Bench) -> None:
    text = "const _ = 1\nvar moment = 2\nlet crypto = 3\nzlib = zlib.zlib\nfunction fetch() {}\n"
    log = "function onTrack() { console.log(_, moment, crypto, typeof zlib.gzipSync) }"
    _, result = bench.one(text + log)
    assert result.tries[0].call.logs == [("log", "1 2 3 function")]
