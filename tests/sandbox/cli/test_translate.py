"""`meterbox translate`."""

import json

import pytest

from contracts.reader import vendors
from tests.sandbox.cli.conftest import SETTINGS
from translators.mapping import translated_vendors

PAID = {
    "type": "track",
    "event": "paid",
    "userId": "u-1",
    "messageId": "m-1",
    "timestamp": "2026-01-15T12:00:00.000Z",
    "properties": {"amount": 5, "note": "x"},
}
REQUEST = {
    "endpoint": "ingest",
    "method": "POST",
    "path": "/v1/ingest",
    "body": {
        "events": [
            {
                "event_name": "paid",
                "external_customer_id": "u-1",
                "idempotency_key": "m-1",
                "timestamp": "2026-01-15T12:00:00.000Z",
                "properties": {"amount": 5},
            }
        ]
    },
}
TRACE = """\
e.ndjson:1: track paid -> POST /v1/ingest
  events[0].event_name           <- $.event              "paid"  [orb.segment.event-name]
  events[0].external_customer_id <- $.userId             "u-1"  [orb.segment.customer]
  events[0].idempotency_key      <- $.messageId          "m-1"  [orb.segment.idempotency-key]
  events[0].timestamp            <- $.timestamp          "2026-01-15T12:00:00.000Z"  \
[orb.segment.timestamp]
  events[0].properties.amount    <- $.properties.amount  5  [orb.segment.properties]
  dropped $.properties.note
"""


def test_each_request_is_a_line_of_json(run, write):
    result = run("translate", "orb", write("e.ndjson", PAID, PAID), *SETTINGS)
    assert [json.loads(line) for line in result.stdout.splitlines()] == [REQUEST, REQUEST]
    assert result.exit_code == 0


@pytest.mark.parametrize("indent", [None, 2])
def test_events_come_from_the_standard_input_as_an_array_too(run, indent):
    stdin = json.dumps([PAID, PAID], indent=indent)
    result = run("translate", "orb", *SETTINGS, stdin=stdin)
    assert [json.loads(line) for line in result.stdout.splitlines()] == [REQUEST, REQUEST]


def test_an_event_that_becomes_nothing_is_told_and_the_others_go_on(run, write):
    nobody = {**PAID, "userId": None}
    result = run("translate", "orb", write("e.ndjson", nobody, PAID), *SETTINGS)
    assert result.exit_code == 1
    assert json.loads(result.stdout) == REQUEST
    assert result.stderr == (
        "e.ndjson:1: $.userId: external_customer_id wants text, and userId is None "
        "[orb.segment.customer]\n"
    )


def test_what_is_no_segment_event_is_told_with_its_place_in_an_array(run):
    result = run("translate", "orb", *SETTINGS, stdin='[{"type": "track"}, 5]')
    assert "stdin:1: $[1]: a Segment event is a JSON object\n" in result.stderr
    assert result.exit_code == 1


def test_what_is_not_json_is_told_with_its_line(run, write):
    result = run("translate", "orb", write("e.ndjson", PAID, b'{"type":'), *SETTINGS)
    assert result.stderr.startswith("e.ndjson:2: $: is not JSON: ")
    assert result.exit_code == 1


def test_explain_shows_the_source_of_each_field_and_what_was_dropped(run, write):
    result = run("translate", "orb", write("e.ndjson", PAID), "--explain", *SETTINGS)
    assert result.output == TRACE


def test_explain_tells_why_an_event_becomes_nothing(run, write):
    event = {"type": "identify", "userId": "u"}
    result = run("translate", "orb", write("e.ndjson", event), "--explain", *SETTINGS)
    assert result.stdout == (
        "e.ndjson:1: $.type: Orb's destination takes track calls, not identify "
        "[orb.segment.track]\n"
    )
    assert result.exit_code == 1


def test_json_tells_requests_and_trace_of_each_event(run, write):
    result = run("translate", "orb", write("e.ndjson", PAID), "--json", "--explain", *SETTINGS)
    told = json.loads(result.stdout)
    assert (told["file"], told["line"], told["requests"]) == ("e.ndjson", 1, [REQUEST])
    assert told["dropped"] == ["$.properties.note"]
    assert told["trace"][0] == {
        "field": "events[0].event_name",
        "source": "$.event",
        "value": "paid",
        "rule": "orb.segment.event-name",
    }


def test_json_tells_why_an_event_becomes_nothing(run, write):
    result = run("translate", "orb", write("e.ndjson", {"type": "nope"}), "--json", *SETTINGS)
    told = json.loads(result.stdout)
    assert told["requests"] == []
    assert told["untranslatable"]["path"] == "$.type"
    assert result.exit_code == 1


def test_settings_may_come_from_a_file_and_be_overridden(run, write):
    settings = {"externalCustomerIdField": "accountId", "propertiesMappingFields": {}}
    file = write("settings.json", settings)
    events = write("e.ndjson", PAID)
    result = run("translate", "orb", events, "--settings", file, *SETTINGS)
    assert json.loads(result.stdout) == REQUEST


def test_missing_settings_are_all_named_with_an_example(run):
    result = run("translate", "orb", stdin="{}")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "meterbox: orb needs externalCustomerIdField, propertiesMappingFields; there is no "
        "default. For example: --setting externalCustomerIdField=userId "
        "--setting propertiesMappingFields."
    )


def test_a_misspelt_setting_is_answered_with_the_nearest(run):
    result = run("translate", "orb", "--setting", "externalCustomerIdFeild=userId", stdin="{}")
    assert result.stderr == (
        "meterbox: No setting named 'externalCustomerIdFeild'. "
        "Did you mean 'externalCustomerIdField'?\n"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--setting", "name"], "--setting: 'name' is not a NAME=VALUE."),
        (["--setting", "a=b", "--setting", "a.c=d"], "'a.c=d' is not possible: a is not a map."),
        (["--settings", "none.json"], "none.json: No such file or directory."),
        (["--settings", "list.json"], "list.json: settings are a JSON object"),
        (["--settings", "broken.json"], "broken.json: is not JSON:"),
    ],
)
def test_settings_that_cannot_be_used_are_one_clear_line(run, write, given, said):
    write("list.json", [])
    write("broken.json", b"{")
    result = run("translate", "orb", *given, stdin="{}")
    assert said in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize("vendor", sorted(set(vendors()) - set(translated_vendors())))
def test_a_vendor_without_translator_is_told_apart_from_an_unknown_one(run, vendor: str):
    result = run("translate", vendor, stdin="{}")
    assert result.stderr.startswith(f"meterbox: {vendor} has no translator. Vendors that have: ")
    assert result.exit_code == 2
