"""`meterbox validate`."""

import json
from dataclasses import replace

import pytest

from contracts.reader import read, vendors
from contracts.schema import Schema
from sandbox.cli.payloads import Block, Payload
from sandbox.cli.verdict import Bodies, choose
from tests.sandbox.cli.conftest import EVENT, SETTINGS

LATE = {**EVENT, "timestamp": "yesterday"}
TRACK = {
    "type": "track",
    "event": "paid",
    "userId": "u-1",
    "messageId": "m-1",
    "timestamp": "2026-01-15T12:00:00.000Z",
    "properties": {"amount": 5},
}


def test_right_payloads_are_exit_code_0_and_one_line(run, write):
    result = run("validate", "orb", write("e.ndjson", EVENT, {"events": [EVENT, EVENT]}))
    assert result.output == (
        "Orb ingest: 2 payloads checked, none refused. "
        "--lint looks for what a contract allows and a biller regrets.\n"
    )
    assert result.exit_code == 0


def test_every_violation_is_told_with_file_line_path_rule_and_suggestion(run, write):
    misspelt = {("event_nmae" if k == "event_name" else k): v for k, v in EVENT.items()}
    nested = {"events": [EVENT, {**LATE, "properties": {"n": None}}]}
    result = run("validate", "orb", write("e.ndjson", EVENT, misspelt, nested))
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "e.ndjson:2: $.event_nmae: Additional properties are not allowed "
        "('event_nmae' was unexpected); did you mean 'event_name'? [orb.ingest.structure]",
        "e.ndjson:3: $.events[1].timestamp: 'yesterday' is not a 'date-time' "
        "[orb.ingest.timestamp]",
        "e.ndjson:3: $.events[1].properties.n: None is not of type 'number', 'string', 'boolean' "
        "[orb.ingest.primitives]",
        "Orb ingest: 3 payloads checked, 2 refused.",
    ]


def test_an_array_is_many_payloads_each_with_its_path(run, write):
    result = run("validate", "orb", write("e.json", [EVENT, LATE]))
    assert result.output.splitlines()[0].startswith("e.json:1: $[1].timestamp: ")
    assert result.output.splitlines()[1] == "Orb ingest: 2 payloads checked, 1 refused."


def test_a_document_of_several_lines_is_one_payload(run, write):
    text = json.dumps({"events": [EVENT, LATE]}, indent=2).encode()
    result = run("validate", "orb", write("e.json", b"", text))
    assert result.output.splitlines()[0].startswith("e.json:2: $.events[1].timestamp: ")
    assert result.output.splitlines()[1] == "Orb ingest: 1 payload checked, 1 refused."


def test_several_files_and_the_standard_input_are_checked_in_turn(run, write):
    files = [write("a.ndjson", LATE), "-", write("b.ndjson", EVENT, LATE)]
    result = run("validate", "orb", *files, stdin=json.dumps(LATE))
    places = [line.split(": ")[0] for line in result.output.splitlines()]
    assert places == ["a.ndjson:1", "stdin:1", "b.ndjson:2", "Orb ingest"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"events": [], "events": []}', "the key 'events' is given twice in one object"),
        (b'{"events": NaN}', "unexpected character"),
        (b'{"events": ["\\ud800"]}', "surrogate"),
        (b'{"events":', "unexpected end of data"),
        (b'{"events": []} {"events": []}', "unexpected content after document"),
        (b'"\xff"', "is not JSON"),
    ],
)
def test_what_is_not_strictly_json_is_refused_on_its_line(run, write, line: bytes, why: str):
    result = run("validate", "orb", write("e.ndjson", EVENT, line, EVENT))
    first, total = result.output.splitlines()
    assert first.startswith("e.ndjson:2: $: is not JSON: ")
    assert why in first
    assert first.endswith("[orb.body.malformed]")
    assert total == "Orb ingest: 3 payloads checked, 1 refused."


def test_one_wrong_line_among_many_is_found(run, write):
    lines = [{**EVENT, "idempotency_key": f"k-{n}"} for n in range(5_000)]
    lines[3_210] = LATE
    result = run("validate", "orb", write("e.ndjson", *lines))
    assert result.output.splitlines()[0].startswith("e.ndjson:3211: $.timestamp: ")
    assert result.output.splitlines()[1] == "Orb ingest: 5,000 payloads checked, 1 refused."


@pytest.mark.parametrize(("default", "paths"), [("reject", ["$.timestamp"]), ("utc", [])])
def test_what_a_vendor_forgives_by_default_is_no_violation(default: str, paths: list[str]):
    orb = read("orb")
    naive = orb.rules["orb.ingest.timestamp-naive"]
    assert naive.switch is not None
    switched = replace(naive, switch=replace(naive.switch, default=default))
    bodies = Bodies(replace(orb, rules={**orb.rules, naive.id: switched}), orb.endpoint("ingest"))
    payload = Payload("e:1", "$", {**EVENT, "timestamp": "2026-01-15T12:00:00"})
    assert [violation.path for violation in bodies.violations(payload)] == paths


def test_another_endpoint_may_be_chosen(run):
    body = '{"name": "Acme", "email": "a@b.c"}'
    result = run("validate", "orb", "--endpoint", "create-customer", stdin=body)
    assert result.output == "Orb create-customer: 1 payload checked, none refused.\n"


def test_an_object_is_an_event_where_requests_are_arrays():
    orb = read("orb")
    batch = Schema("batch", {"type": "array", "items": {"type": "object"}})
    bodies = Bodies(orb, replace(orb.endpoint("ingest"), request=batch))
    single, array = Payload("e:1", "$", LATE), Payload("e:1", "$", [EVENT])
    assert [violation.path for violation in bodies.violations(single)] == ["$.timestamp"]
    assert list(bodies.violations(array)) == []


def test_a_request_that_would_pass_as_an_event_is_judged_as_a_request():
    anything = Schema("anything", {"type": "object"})
    orb = read("orb")
    bodies = Bodies(orb, replace(orb.endpoint("ingest"), event=anything))
    block = Block("e", [1, 2], [{"a": 1}, {"events": 5}], 0, sound=True)
    judged = bodies.judge(block)
    assert [(f.place, f.violation.path) for f in judged.findings] == [("e:2", "$.events")]


def test_payloads_are_checked_by_what_is_wanted_where_more_is_accepted():
    orb = read("orb")
    wanted = Schema("wanted", {"required": ["a"]})
    bodies = Bodies(orb, replace(orb.endpoint("create-customer"), wanted=wanted))
    assert [v.message for v in bodies.violations(Payload("e:1", "$", {}))] == [
        "'a' is a required property"
    ]


WITH_BODY = ", ".join(e.name for e in read("orb").endpoints if e.request is not None)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("ingst", "Did you mean 'ingest'?"), ("ping", f"Those that do: {WITH_BODY}.")],
)
def test_an_endpoint_that_takes_no_body_is_exit_code_2(run, name: str, hint: str):
    result = run("validate", "orb", "--endpoint", name, stdin="{}")
    assert (result.exit_code, result.stderr) == (
        2,
        f"meterbox: Orb has no endpoint {name!r} that takes a body. {hint}\n",
    )


def test_a_file_that_is_not_there_is_exit_code_2_and_nothing_is_checked(run, write):
    write("events.ndjson", LATE)
    result = run("validate", "orb", "events.ndjson", "event.ndjson")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "meterbox: event.ndjson: No such file or directory. Did you mean 'events.ndjson'?\n"
    )


def test_nothing_to_check_is_said(run):
    assert run("validate", "orb", stdin="").output == (
        "Orb ingest: 0 payloads checked, none refused.\n"
    )


def test_json_tells_findings_and_totals_in_one_object(run, write):
    result = run("validate", "orb", write("e.ndjson", EVENT, LATE, b"{"), "--json")
    told = json.loads(result.output)
    assert [(v["line"], v["path"], v["rule"]) for v in told["violations"]] == [
        (2, "$.timestamp", "orb.ingest.timestamp"),
        (3, "$", "orb.body.malformed"),
    ]
    assert (told["payloads"], told["refused"], told["skipped"]) == (3, 2, 0)
    assert result.exit_code == 1


def test_json_without_findings_is_an_object_too(run, write):
    result = run("validate", "orb", write("e.ndjson", EVENT), "--json")
    assert json.loads(result.output) == {
        "violations": [],
        "payloads": 1,
        "refused": 0,
        "skipped": 0,
    }


def test_segment_events_are_checked_as_the_requests_they_become(run, write):
    wrong = {**TRACK, "properties": {"amount": None}}
    result = run("validate", "orb", "--segment", write("e.ndjson", TRACK, wrong), *SETTINGS)
    assert result.output.splitlines() == [
        "e.ndjson:2: $.events[0].properties.amount (from $.properties.amount): "
        "None is not of type 'number', 'string', 'boolean' [orb.ingest.primitives]",
        "Orb from Segment: 2 payloads checked, 1 refused.",
    ]


def test_segment_events_without_a_request_are_refused_and_other_types_skipped(run):
    nobody = {**TRACK, "userId": ""}
    events = [nobody, {"type": "identify", "userId": "u"}, {"type": "nope"}]
    result = run("validate", "orb", "--segment", *SETTINGS, stdin=json.dumps(events))
    assert result.output.splitlines() == [
        "stdin:1: $[0].userId: external_customer_id wants text, and userId is '' "
        "[orb.segment.customer]",
        "stdin:1: $[2].type: 'nope' is not one of identify, track, page, screen, group, alias, "
        "delete",
        "Orb from Segment: 3 payloads checked, 2 refused, 1 of a type it does not take.",
    ]


@pytest.mark.parametrize(
    "options", [["--segment", "--endpoint", "ingest"], ["--setting", "externalCustomerIdField=x"]]
)
def test_options_that_contradict_each_other_are_exit_code_2(run, options: list[str]):
    assert run("validate", "orb", *options, stdin="{}").exit_code == 2


@pytest.mark.parametrize(
    "vendor", [v for v in vendors() if any(e.request for e in read(v).endpoints)]
)
def test_every_vendor_has_an_endpoint_to_validate_for(run, vendor: str):
    result = run("validate", vendor, stdin="5")
    assert result.exit_code == 1
    assert result.output.startswith("stdin:1: $: ")
    assert choose(read(vendor), None).name in result.output
