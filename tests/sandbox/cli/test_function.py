"""`meterbox function run` tells what a function's events came to, and leaves with that."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from sandbox.functions.node import NoNode, find
from tests.sandbox.cli.conftest import Run, Write

FOLDER = Path(str(files("fixtures") / "segment" / "functions"))
STAGE = str(files("fixtures") / "segment" / "stage.json")
KEY = ("--setting", "apiKey=test_demo-of-a-key")
EVENT = {
    "type": "track",
    "messageId": "m-1",
    "userId": "some_user_id",
    "event": "api_call",
    "properties": {},
    "timestamp": "2026-01-15T11:59:00.000Z",
}
STRANGER = {**EVENT, "messageId": "m-2", "userId": "nobody"}


def _node() -> str | None:
    try:
        find()
    except NoNode as fault:
        return str(fault)
    return None


LACKING = _node()
needs_node = pytest.mark.skipif(LACKING is not None, reason=LACKING or "")


def function(name: str, *more: str) -> tuple[str, ...]:
    named = ("function", "run", str(FOLDER / f"{name}.js"), "--event", "events.json")
    return (*named, "--stage", STAGE, *KEY, *more)


@needs_node
@pytest.mark.parametrize(
    ("name", "event", "code"),
    [
        ("awaited", EVENT, 0),
        ("awaited", {"type": "identify", "userId": "u"}, 0),
        ("awaited", STRANGER, 1),
        ("unchecked", STRANGER, 1),
        ("unchecked", EVENT, 1),
        ("shadowed", EVENT, 1),
    ],
)
def test_it_leaves_with_what_became_of_the_events(
    run: Run, write: Write, name: str, event: Any, code: int
) -> None:
    write("events.json", event)
    assert run(*function(name)).exit_code == code


@needs_node
def test_people_read_requests_answers_rules_and_totals(run: Run, write: Write) -> None:
    write("events.json", EVENT, STRANGER)
    lines = run(*function("unchecked")).stdout.splitlines()
    assert lines[0] == "events.json:1: track api_call -> onTrack"
    assert lines[1].startswith('  POST https://ingest.hyperline.co/v1/events  {"customer_id":')
    assert lines[2] == "    201  (no body)"
    assert lines[4] == "  billed all the same: 1 api_call for some_user_id"
    assert "    400  {" in lines[7]
    assert "[hyperline.ingest.unknown-customer, assumed]" in lines[8]
    assert lines[9] == (
        "  lost silently: Hyperline answered 400: the event is rejected  "
        "[segment.function.success hyperline.ingest.unknown-customer]"
    )
    assert lines[11:13] == [
        "What the ledgers would bill",
        "  Hyperline test_dem…(18): 1 api_call for some_user_id (1 event)",
    ]
    assert lines[13] == "2 events: 1 discarded, 1 lost silently."


@needs_node
def test_programs_get_one_object(run: Run, write: Write) -> None:
    write("events.json", [EVENT, STRANGER])
    told = json.loads(run(*function("unchecked", "--json", "--retry", "1")).stdout)
    events = [event for call in told["calls"] for event in call["events"]]
    assert [(e["line"], e["at"], e["outcome"]) for e in events] == [
        (1, "$[0]", "discarded"),
        (1, "$[1]", "lost silently"),
    ]
    made = told["calls"][1]["tries"][0]["requests"][0]
    assert (made["status"], made["exchange"]["endpoint"]) == (400, "ingest")
    usage = {"customer": "some_user_id", "meter": "api_call", "quantity": 1}
    assert told["calls"][0]["billed"] == [{"event": "api_call/m-1", **usage}]
    account = {"vendor": "Hyperline", "account": "test_dem…(18)"}
    assert told["totals"] == [{**account, **usage, "events": 1}]
    assert told["outcomes"] == {"discarded": 1, "lost silently": 1}


@needs_node
def test_code_that_does_not_load_is_told_with_its_line(run: Run, write: Write) -> None:
    write("events.json", EVENT)
    said = run(*function("shadowed")).stdout.splitlines()
    assert said == [
        "shadowed.js:3 does not load: SyntaxError: Identifier 'usage' has already been declared",
        "  Segment could run it for no event [segment.function.load]",
    ]
    told = json.loads(run(*function("shadowed", "--json")).stdout)
    assert told["unloadable"]["name"] == "SyntaxError"
    assert told["unloadable"]["rule"] == "segment.function.load"
    assert told["calls"] == []


@needs_node
def test_a_function_without_handlers_is_told(run: Run, write: Write) -> None:
    write("events.json", EVENT)
    write("f.js", b"function ontrack() {}")
    done = run("function", "run", "f.js", "--event", "events.json")
    assert done.exit_code == 1
    assert done.stdout.startswith("f.js has no handler, such as onTrack\n")
    told = run("function", "run", "f.js", "--event", "events.json", "--json")
    assert (told.exit_code, json.loads(told.stdout)["handlers"]) == (1, [])


GIVEN = {
    "12345678901234567890": "12345678901234567890 string",
    "NaN": "NaN string",
    "1e3": "1e3 string",
    "7": "7 number",
    '"7"': "7 string",
    "true": "true boolean",
    "[1]": "[ 1 ] object",
}


@needs_node
def test_settings_are_as_they_are_given(run: Run, write: Write) -> None:
    write("events.json", EVENT)
    body = "for (const a of Object.values(settings)) console.log(a, typeof a)"
    write("f.js", f"function onTrack(event, settings) {{ {body} }}".encode())
    settings = [f"--setting=s{n}={text}" for n, text in enumerate(GIVEN)]
    done = run("function", "run", "f.js", "--event", "events.json", *settings)
    said = [line for line in done.stdout.splitlines() if "console.log" in line]
    assert said == [f"  console.log: {shown}" for shown in GIVEN.values()]


@needs_node
@pytest.mark.parametrize("how", ["--json", "--retry=0"])
def test_no_key_is_shown(run: Run, write: Write, how: str) -> None:
    write("events.json", EVENT)
    keyed = "https://ingest.hyperline.co/v1/events?k=${settings.apiKey}"
    body = f"console.log(settings); await fetch(`{keyed}`); throw new Error(settings.apiKey)"
    write("f.js", f"async function onTrack(event, settings) {{ {body} }}".encode())
    done = run("function", "run", "f.js", "--event", "events.json", *KEY, how)
    assert "test_dem…(18)" in done.stdout
    assert "test_demo-of-a-key" not in done.stdout


@needs_node
def test_switches_are_those_that_are_configured_here(run: Run, write: Write) -> None:
    write("events.json", EVENT)
    write("meterbox.toml", b'[sandbox.settings]\n"hyperline.ingest.reply" = "object"')
    assert run(*function("unchecked")).exit_code == 0


@needs_node
def test_it_is_what_time_one_says(run: Run, write: Write) -> None:
    body = (
        "const events = [{event_name: 'call', idempotency_key: 'k', timestamp: event.timestamp,"
        " external_customer_id: 'some_user_id', properties: {}}]\n"
        "await fetch('https://api.withorb.com/v1/ingest', {method: 'POST',"
        " headers: {authorization: 'Bearer key', 'content-type': 'application/json'},"
        " body: JSON.stringify({events})})"
    )
    write("events.json", EVENT)
    write("f.js", f"async function onTrack(event) {{ {body} }}".encode())
    asked = ("function", "run", "f.js", "--event", "events.json", "--stage", STAGE)
    assert run(*asked, "--now", "2026-01-15T12:00:00Z").exit_code == 0
    late = run(*asked, "--now", "2026-01-17T12:00:00Z")
    assert "lost silently: Orb answered 400: the event is late" in late.stdout
    assert "orb.ingest.grace-period" in late.stdout


@needs_node
def test_batches_are_handed_over_when_asked_for(run: Run, write: Write) -> None:
    write("events.json", EVENT, EVENT, EVENT)
    write("f.js", b"function onBatch(events) { console.log('given', events.length) }")
    asked = ("function", "run", "f.js", "--event", "events.json")
    assert run(*asked, "--batch").stdout.count("given 3") == 1
    assert run(*asked, "--batch", "2").stdout.count("given 2") == 1
    assert "3 unsupported" in run(*asked).stdout


@needs_node
@pytest.mark.parametrize(
    "text",
    [
        json.dumps(EVENT),
        json.dumps(EVENT, indent=2),
        json.dumps([EVENT]),
        json.dumps(EVENT) + "\r\n\r\n",
        "\n\n" + json.dumps({**EVENT, "messageId": None}),
    ],
    ids=["line", "document", "list", "windows", "blank lines"],
)
def test_events_come_as_they_do_elsewhere(run: Run, write: Write, text: str) -> None:
    done = run(*function("awaited")[:3], "--event", "-", "--stage", STAGE, *KEY, stdin=text)
    assert "1 event" in done.stdout


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "events.json: there is no event in it"),
        ("[]", "events.json: there is no event in it"),
        ("nonsense", "events.json:1: it is not JSON: "),
        ('{"type": "track"}\n{"type": ', "events.json:2: it is not JSON: "),
        ("1", "events.json:1: $: a Segment event is a JSON object"),
        ('[{"type": "track"}, {}]', "events.json:1: $[1].type: None is not one of identify, "),
        ('{"type": "track", "userId": 1}', "events.json:1: $.userId: 1 is not text"),
        ('{"type": "track", "type": "page"}', "events.json:1: it is not JSON: the key 'type' is"),
    ],
)
def test_what_is_no_event_is_tried_on_nothing(run: Run, write: Write, text: str, why: str) -> None:
    Path(write("events.json")).write_text(text)
    done = run(*function("awaited"))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"meterbox: {why}")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("nothing.js", "--event", "events.json"), "nothing.js: No such file or directory."),
        ((".", "--event", "events.json"), ".: Is a directory."),
        (("bytes.js", "--event", "events.json"), "bytes.js: is not UTF-8 text"),
        (("f.js", "--event", "event.json"), "event.json: No such file or directory. Did you"),
        (("f.js", "--event", "events.json", "--now", "noon"), "--now: 'noon' is not a time"),
        (("f.js", "--event", "events.json", "--stage", "f.js"), "f.js: it is not JSON"),
        (
            ("f.js", "--event", "events.json", "--stage", "events.json"),
            "events.json: step 1: a stage is a JSON list",
        ),
        (
            ("f.js", "--event", "events.json", "--node", "/no/node"),
            "A function runs in Node.js 20 or later, and /no/node cannot be run",
        ),
    ],
)
def test_wrong_use_is_one_line(
    run: Run, write: Write, arguments: tuple[str, ...], why: str
) -> None:
    write("events.json", EVENT)
    write("bytes.js", b"\xff\xfe")
    write("f.js", b"function onTrack() {}")
    done = run("function", "run", *arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"meterbox: {why}")
    assert len(done.stderr.splitlines()) == 1


@needs_node
def test_a_stage_that_fails_ends_it_with_the_step(run: Run, write: Write) -> None:
    write("events.json", EVENT)
    customer = {"vendor": "hyperline", "method": "POST", "path": "/v1/customers", "json": []}
    write("stage.json", [customer])
    asked = ("function", "run", str(FOLDER / "awaited.js"), "--event", "events.json")
    done = run(*asked, "--stage", "stage.json", *KEY)
    assert done.exit_code == 2
    assert done.stderr.startswith("meterbox: step 1: POST /v1/customers is answered 400: ")
