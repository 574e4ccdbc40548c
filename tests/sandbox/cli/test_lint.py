"""`meterbox validate --lint`, and its reports."""

import json
from pathlib import Path

import pytest

from sandbox.cli import validated
from tests.sandbox.cli.conftest import EVENT, SETTINGS

OTHER = {**EVENT, "event_name": "other"}
LATE = {**EVENT, "timestamp": "yesterday"}
NOW = ("--now", "2026-01-15T13:00:00Z")
TRACK = {
    "type": "track",
    "event": "paid",
    "userId": "u-1",
    "messageId": "m-1",
    "timestamp": "2026-01-15T12:00:00.000Z",
    "properties": {"amount": 5, "order": {"id": "o-1"}},
}
METRIC = {
    "dashboard": "declare-metric",
    "json": {"name": "t", "event_name": "paid", "aggregation": "sum", "property": "tokens"},
}


def test_a_cause_is_told_once_with_place_why_rule_and_fix(run, write):
    result = run("validate", "orb", write("e.ndjson", EVENT, *[OTHER] * 4), "--lint", *NOW)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "e.ndjson:2: error: $.idempotency_key: an earlier event with another body has the same key "
        "(one key): only the first of them is billed [lint.key.different-body]",
        "    also at e.ndjson:3, e.ndjson:4 and 1 more",
        "    why: A vendor knows an event by its key: whoever sends two under one has one of them "
        "billed, or neither as was meant.",
        "    rule: A known idempotency key is accepted with 200 and not counted again. "
        "[orb.ingest.duplicate, documented]",
        "    fix: Make the key of what the event is about, such as the id of the row or the "
        "request it counts, and send it unchanged when you try again.",
        "Orb ingest: 5 payloads checked, none refused. Lint: 1 error.",
        "Customers were not compared with any: nothing here makes one known, and no list was "
        "given with --customers.",
    ]


def test_nothing_to_regret_is_said_and_warnings_are_no_violations(run, write, tmp_path):
    (tmp_path / "known.txt").write_text("acme\n\nother\n")
    result = run("validate", "orb", write("e.ndjson", EVENT), "--customers", "known.txt", *NOW)
    assert (result.exit_code, result.output) == (
        0,
        "Orb ingest: 1 payload checked, none refused. Lint: nothing to regret.\n",
    )
    naive = {**EVENT, "timestamp": 5, "external_customer_id": "nobody"}
    result = run("validate", "amberflo", "--lint", stdin=json.dumps({"events": [naive]}))
    assert "Lint: 1 warning." in result.output  # no uniqueId
    assert result.exit_code == 1  # since it is no record


def test_late_is_as_of_the_wall_clock_unless_another_time_is_given(run, write):
    written = write("e.ndjson", EVENT)
    assert "lint.time.late" in run("validate", "orb", written, "--lint").output
    assert "lint.time.late" not in run("validate", "orb", written, *NOW).output


def test_how_late_is_too_late_may_be_configured(run, write, tmp_path):
    (tmp_path / "meterbox.toml").write_text('[sandbox.settings]\n"orb.ingest.grace-period" = "30m"')
    result = run("validate", "orb", write("e.ndjson", EVENT), *NOW)
    assert "older than the 30m that Orb takes" in result.output


def test_segment_events_are_late_by_what_the_vendor_takes(run, write):
    written = write("e.ndjson", TRACK, {**TRACK, "messageId": "m-2", "event": "other"})
    options = ("--segment", written, "--now", "2026-01-20T12:00:00Z")
    assert (
        "[orb.ingest.grace-period, observed]" in run("validate", "orb", *SETTINGS, *options).output
    )
    assert "lint.time" not in run("validate", "kana", *options).output


@pytest.mark.parametrize(
    "listed",
    [
        "acme\nother",
        '{"external_customer_id": "acme"}\n{"external_customer_id": "other"}',
        '{"data": [{"id": "acme"}, {"id": "5", "external_customer_id": null}]}',
        '["acme"]',
    ],
)
def test_customers_come_as_lines_or_as_the_vendor_has_them(run, write, tmp_path, listed: str):
    (tmp_path / "known").write_text(listed)
    written = write("e.ndjson", EVENT, {**OTHER, "idempotency_key": "k-2"})
    assert "lint.customer" not in run("validate", "orb", written, "--customers", "known").output
    (tmp_path / "known").write_text("somebody else")
    assert "lint.customer" in run("validate", "orb", written, "--customers", "known").output


def test_segment_events_are_looked_at_by_the_fields_the_mapping_takes(run, write):
    """Here the key is an order's id, and two events of one order are one to the vendor."""
    twice = {**TRACK, "messageId": "m-2", "properties": {"amount": 6, "order": {"id": "o-1"}}}
    options = ("--segment", *SETTINGS, *NOW)
    written = write("e.ndjson", TRACK, twice)
    assert "Lint: nothing to regret." in run("validate", "orb", written, *options).output
    by_order = (*options, "--setting", "idempotencyKeyField=properties.order.id")
    result = run("validate", "orb", written, *by_order)
    assert "e.ndjson:2: error: $.properties.order.id: " in result.output


def test_segment_calls_that_identify_make_customers_known(run, write):
    named = {"type": "identify", "userId": "u-2", "messageId": "i"}
    before = [{"type": "identify", "userId": "u-0"}, TRACK, named]
    events = [*before, {**TRACK, "userId": "u-2", "messageId": "m-2"}]
    result = run("validate", "orb", "--segment", *SETTINGS, *NOW, write("e.ndjson", *events))
    assert "e.ndjson:2: warning: $.userId: nothing makes 'u-1' known" in result.output
    assert "Lint: 1 warning." in result.output


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"tokens": 3}, "error: $.properties.tokens: a metric of paid needs the property tokens, "),
        ({"Tokens": 3}, "error: $.properties.Tokens: "),
        ({}, "warning: $: a metric of paid needs the property tokens, which the event does not"),
    ],
)
def test_a_mapping_that_leaves_out_what_a_metric_needs_is_told(run, write, properties, told):
    written = write("e.ndjson", {**TRACK, "properties": properties})
    write("setup.json", json.dumps([METRIC]).encode())
    options = ("--segment", *SETTINGS, *NOW, "--metrics", "setup.json")
    result = run("validate", "orb", written, *options)
    assert result.output.startswith(f"e.ndjson:1: {told}")
    mapped = run(
        "validate", "orb", written, *options, "--setting", "propertiesMappingFields.x=tokens"
    )
    assert "lint.metric" in mapped.output
    kept = ("--setting", "propertiesMappingFields.tokens=tokens")
    if "tokens" in properties:
        assert "lint.metric" not in run("validate", "orb", written, *options, *kept).output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--lint", "--endpoint", "create-customer"), "does not say where usage stands"),
        (("--no-lint", *NOW), "leave it out"),
        (("--now", "noon"), "--now: 'noon' is not a time"),
        (("--customers", "nobody.txt"), "nobody.txt: No such file"),
        (("--metrics", "broken.json"), "broken.json: is not JSON"),
        (("--metrics", "odd.json"), "odd.json: is no list of steps"),
        (("--report", "sarf"), "did you mean 'sarif'?"),
    ],
)
def test_wrong_use_is_exit_code_2_and_nothing_is_read(run, write, options, told: str):
    write("broken.json", b"{")
    write("odd.json", [5])
    result = run("validate", "orb", *options, stdin="{}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_json_has_what_was_found_beside_the_violations(run, write):
    result = run("validate", "orb", write("e.ndjson", EVENT, OTHER, LATE), "--json", *NOW)
    told = json.loads(result.output)
    (cause,) = told["lint"]
    assert (cause["rule"], cause["level"], cause["count"]) == (
        "lint.key.different-body",
        "error",
        2,
    )
    assert cause["places"][0] == {"file": "e.ndjson", "line": 2, "path": "$.idempotency_key"}
    assert cause["vendor_rule"] == "orb.ingest.duplicate"
    assert len(told["unjudged"]) == 1
    assert len(told["violations"]) == 1


# Reports.


def sarif(run, *arguments: str) -> list[dict]:
    result = run("validate", *arguments, "--report", "sarif")
    (one,) = json.loads(result.output)["runs"]
    return one["results"]


def test_a_report_points_into_the_payloads_and_is_all_there_is_on_the_output(run, write):
    results = sarif(run, "orb", write("e.ndjson", EVENT, LATE, OTHER), *NOW)
    places = [
        (
            result["ruleId"],
            result["level"],
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            *result["locations"][0]["physicalLocation"]["region"].values(),
        )
        for result in results
    ]
    assert places == [
        ("orb.ingest.timestamp", "error", "e.ndjson", 2, 26),
        ("lint.key.different-body", "error", "e.ndjson", 2, 50),
    ]


def test_a_report_points_into_a_segment_event_at_the_field_the_requests_came_from(run, write):
    wrong = {**TRACK, "properties": {"other": 1, "amount": None}}
    written = write("e.ndjson", [TRACK, wrong])
    (result,) = sarif(run, "orb", "--segment", *SETTINGS, written)
    region = result["locations"][0]["physicalLocation"]["region"]
    text = (Path("e.ndjson")).read_text()
    assert text[region["startColumn"] - 1 :].startswith('"amount":null')


def test_what_a_mapping_leaves_out_is_at_the_mapping(run, write):
    write("setup.json", json.dumps([METRIC]).encode())
    mapping = {"externalCustomerIdField": "userId", "propertiesMappingFields": {"a": "b"}}
    write("mapping.json", mapping)
    written = write("e.ndjson", {**TRACK, "properties": {"tokens": 3}})
    files = ("--settings", "mapping.json", "--metrics", "setup.json")
    (result,) = sarif(run, "orb", "--segment", written, *files, *NOW)
    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "mapping.json"
    assert "also at e.ndjson:1" in result["message"]["text"]


def test_reports_in_files_leave_the_output_as_it_is(run, write, tmp_path):
    arguments = ("validate", "orb", write("e.ndjson", EVENT, LATE))
    plain = run(*arguments)
    reported = run(*arguments, "--report", "junit=out.xml", "--report", "json=out.json")
    assert reported.output == plain.output
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["totals"] == {"passed": 1, "failed": 1, "skipped": 0}
    assert 'tests="' in (tmp_path / "out.xml").read_text()
    run(*arguments, *NOW, "--report", "json=out.json")
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["totals"] == {"passed": 1, "failed": 2, "skipped": 0}  # the lint is a check too


def test_each_payload_with_findings_is_a_check_and_too_many_are_counted(
    run, write, monkeypatch: pytest.MonkeyPatch, tmp_path
):
    monkeypatch.setattr(validated, "KEPT", 3)
    monkeypatch.setattr(validated, "EACH", 1)
    both = {**LATE, "event_name": 5}
    run("validate", "orb", write("e.ndjson", [both, LATE], LATE, LATE, LATE), "--report", "json=o")
    told = json.loads((tmp_path / "o").read_text())
    assert [(c["name"], len(c["findings"]), c["detail"]) for c in told["checks"]] == [
        ("e.ndjson:1 $[0]", 1, "and 1 more findings"),
        ("e.ndjson:1 $[1]", 1, ""),
        ("e.ndjson:2", 1, ""),
    ]
    assert told["totals"]["failed"] == 5
