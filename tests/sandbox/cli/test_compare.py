"""`meterbox compare`: the same events at every vendor, and why what they bill differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.reader import read, vendors
from sandbox.staging import setup
from tests.acme import known, lay_out
from translators.mapping import translated_vendors

RECEIVED = "2026-01-15T12:00:01.000Z"
SAMPLE = Path(__file__).parents[3] / "fixtures" / "segment" / "usage.ndjson"


def track(id: str, event: str = "ApiCalls", **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "messageId": id,
        "userId": "acme",
        "event": event,
        "timestamp": "2026-01-15T12:00:00.000Z",
        "receivedAt": RECEIVED,
        "properties": {},
        **more,
    }


def told(row: dict[str, Any]) -> dict[str, tuple[str, float, list[str]]]:
    """Vendor -> word, quantity and rules of one event."""
    return {
        vendor: (fate["outcome"], sum(u["quantity"] for u in fate["billed"]), fate["rules"])
        for vendor, fate in row["vendors"].items()
    }


@pytest.fixture
def compare(run, write):
    """The comparison of these events, as JSON."""

    def compared(*events: Any, options: tuple[str, ...] = (), code: int = 0) -> Any:
        result = run("compare", write("e.ndjson", *events), "--json", *options)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    return compared


def test_a_value_is_billed_by_who_adds_it_up(compare) -> None:
    [row] = compare(track("1", properties={"value": 2}))["events"]
    assert told(row) == {
        "amberflo": ("billed", 2, ["amberflo.segment.value", "amberflo.ledger.quantity"]),
        "hyperline": ("billed", 1, ["hyperline.ledger.count"]),
        "kana": ("billed", 1, ["kana.rules.delta"]),
        "orb": ("billed", 1, ["orb.ledger.count"]),
    }
    assert row["differs"]


def test_a_correction_is_billed_anew_replaces_or_is_ignored(compare) -> None:
    first, second = compare(
        track("1", properties={"value": 2}), track("1", properties={"value": 5})
    )["events"]
    assert told(first)["hyperline"] == ("replaced", 0, ["hyperline.ingest.identity"])
    assert told(first)["orb"][:2] == ("billed", 1)
    assert {vendor: fate[:2] for vendor, fate in told(second).items()} == {
        "amberflo": ("billed", 5),
        "hyperline": ("billed", 1),
        "kana": ("duplicate", 0),
        "orb": ("duplicate", 0),
    }


def test_every_reason_not_to_bill_is_a_rule(compare) -> None:
    late = track("1", timestamp="2026-01-13T12:00:00.000Z")
    nobody = {key: value for key, value in track("2").items() if key != "userId"}
    rows = compare(late, nobody, {**track("3"), "type": "group", "groupId": "g"})["events"]
    assert told(rows[0])["orb"] == ("late", 0, ["orb.ingest.grace-period"])
    assert told(rows[1])["hyperline"] == ("not sent", 0, ["hyperline.segment.customer"])
    assert told(rows[2])["kana"] == ("not taken", 0, ["kana.segment.methods"])
    assert all(
        fate["rules"]
        for row in rows
        for fate in row["vendors"].values()
        if fate["outcome"] != "no usage"
    )


def test_totals_are_what_the_events_come_to(compare) -> None:
    shown = compare(*map(json.loads, SAMPLE.read_text().splitlines()))
    for vendor in translated_vendors():
        billed = sum(told(row)[vendor][1] for row in shown["events"])
        totals = [t["vendors"].get(vendor, {"quantity": 0}) for t in shown["totals"]]
        assert sum(total["quantity"] for total in totals) == billed, vendor


def test_every_rule_that_is_named_is_told(compare) -> None:
    shown = compare(*map(json.loads, SAMPLE.read_text().splitlines()))
    named = {
        rule for row in shown["events"] for f in row["vendors"].values() for rule in f["rules"]
    }
    assert set(shown["rules"]) == named
    assert {rule["confidence"] for rule in shown["rules"].values()} <= {
        "documented",
        "observed",
        "sdk",
        "assumed",
    }


def test_the_same_is_billed_the_same(compare) -> None:
    shown = compare(track("1"), track("2", event="Seats", properties={"value": 1}))
    assert [row["differs"] for row in shown["events"]] == [False, False]
    assert shown["unset"] == []
    assert shown["totals"] == [
        {
            "customer": "acme",
            "meter": meter,
            "vendors": {v: {"quantity": 1, "events": 1} for v in translated_vendors()},
        }
        for meter in ("ApiCalls", "Seats")
    ]


def test_another_customer_is_a_difference(compare) -> None:
    setting = ("--setting", "orb.externalCustomerIdField=properties.payer")
    one, other = compare(
        track("1", properties={"payer": "globex"}),
        track("2", userId="globex", properties={"payer": "globex"}),
        options=setting,
    )["events"]
    payers = {v: [u["customer"] for u in fate["billed"]] for v, fate in one["vendors"].items()}
    assert payers == {
        "amberflo": ["acme"],
        "hyperline": ["acme"],
        "kana": ["acme"],
        "orb": ["globex"],
    }
    assert (one["differs"], other["differs"]) == (True, False)


def test_bare_nothing_is_set_up(compare) -> None:
    [row] = compare(track("1"), options=("--bare",))["events"]
    rules = {vendor: (word, rules) for vendor, (word, _, rules) in told(row).items()}
    assert rules["hyperline"] == ("rejected", ["hyperline.ingest.unknown-customer"])
    assert rules["orb"] == ("unmatched", ["orb.ingest.unknown-external-customer"])


def test_all_events_may_come_at_one_time(compare) -> None:
    [row] = compare(track("1"), options=("--at", "2026-02-01T00:00:00Z"))["events"]
    assert told(row)["orb"][0] == "late"
    [row] = compare(track("1", timestamp="2020-01-01T00:00:00Z"), options=("--at", "now"))["events"]
    assert told(row)["orb"][0] == "late"


@pytest.mark.parametrize("place", ["receivedAt", "sentAt", "timestamp"])
def test_an_event_comes_when_it_says_that_it_did(compare, place: str) -> None:
    event = {k: v for k, v in track("1").items() if k != "receivedAt"}
    [row] = compare({**event, place: event["timestamp"]})["events"]
    assert told(row)["orb"][0] == "billed"


def test_a_clock_does_not_go_back(compare) -> None:
    later = track("1", receivedAt="2026-01-16T12:00:00.000Z", timestamp="2026-01-16T12:00:00.000Z")
    rows = compare(later, track("2"))["events"]
    assert [told(row)["orb"][0] for row in rows] == ["billed", "late"]


def test_an_event_that_is_for_some_goes_to_no_other(compare) -> None:
    [row] = compare(track("1", integrations={"All": False, "Orb": True}))["events"]
    assert {vendor: fate[0] for vendor, fate in told(row).items()} == {
        "amberflo": "not sent",
        "hyperline": "not sent",
        "kana": "not sent",
        "orb": "billed",
    }
    assert told(row)["kana"][2] == ["segment.delivery.integrations"]


def test_a_setting_is_of_a_vendor(compare) -> None:
    options = ("--setting", "orb.eventNameField=properties.kind")
    [row] = compare(track("1", properties={"kind": "calls"}), options=options)["events"]
    assert row["vendors"]["orb"]["billed"][0]["meter"] == "calls"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--setting", "eventNameField=x"), "VENDOR.NAME=VALUE of"),
        (("--setting", "obr.eventNameField=x"), "VENDOR.NAME=VALUE of"),
        (("--setting", "orb.nonsense=x"), "nonsense"),
        (("--at", "yesterday"), "a time such as"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, write, options, said) -> None:
    result = run("compare", write("e.ndjson", track("1")), *options)
    assert (result.exit_code, said in result.stderr) == (2, True), result.output


def test_what_is_no_event_is_told_and_the_others_go_on(run, write) -> None:
    result = run("compare", write("e.ndjson", track("1"), {"type": "tarck"}, b"{"), "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["events"]) == 1
    assert [line.partition(": ")[0] for line in result.stderr.splitlines()] == [
        "e.ndjson:2",
        "e.ndjson:3",
    ]


def test_nothing_to_compare_is_no_error(compare) -> None:
    assert compare() == {"events": [], "totals": [], "rules": {}, "unset": []}


def test_people_get_tables(run) -> None:
    result = run("compare", str(SAMPLE))
    assert result.exit_code == 0
    for title in ("what each vendor bills", "adds up to", "The rules by which they differ"):
        assert title in result.stdout
    assert "4 events, 4 of them billed differently." in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 120


def test_a_vendor_of_ones_own_is_compared_though_it_says_nothing_of_itself(
    compare, acme_root: Path
) -> None:
    with known(acme_root):
        [row] = compare(track("1"))["events"]
    assert told(row)["acme"] == ("billed", 1, [])


def test_a_feature_called_as_an_event_is_set_up_once(compare) -> None:
    shown = compare(track("1", event="messages", properties={"featureId": "messages"}))
    assert shown["unset"] == []
    assert told(shown["events"][0])["kana"][:2] == ("billed", 1)


def test_what_a_vendor_will_not_have_set_up_is_told(compare, tmp_path: Path) -> None:
    root = lay_out(tmp_path)
    step = {"each": "userId", "method": "POST", "path": "/nowhere/{{userId}}", "json": {}}
    (root / "fixtures" / "acme" / "setup.json").write_text(json.dumps([step]))
    with known(root):
        [line] = compare(track("1"))["unset"]
    assert line.startswith("Acme refused POST /nowhere/acme: 404")


def test_a_step_is_taken_for_each_value_and_lists_are_filled() -> None:
    events = [track("1"), track("2", userId="globex"), track("3", properties={"featureId": "f"})]
    steps = list(setup("kana", events))
    identified = [s["json"]["userId"] for s in steps if s.get("path") == "/segment/events"]
    package = next(s["json"]["add"] for s in steps if s.get("dashboard") == "packages")
    assert identified == ["acme", "globex"]
    assert [feature["id"] for feature in package["features"]] == ["ApiCalls", "f"]


def test_values_of_several_places_are_taken_together_each_once() -> None:
    events = [track("1", event="f"), track("2", properties={"featureId": "f"})]
    features = [step for step in setup("kana", events) if step.get("dashboard") == "features"]
    assert [step["json"]["add"]["id"] for step in features] == ["f", "ApiCalls"]


def test_where_there_is_no_value_there_is_no_step() -> None:
    assert list(setup("kana", [])) == []
    identify = {"type": "identify", "userId": "acme"}
    assert [step["path"] for step in setup("kana", [identify])] == ["/segment/events"]


@pytest.mark.parametrize("vendor", vendors())
def test_what_counts_by_is_a_rule_of_the_vendor(vendor: str) -> None:
    contract = read(vendor)
    named = {*contract.counts, *(rule for told in contract.counts.values() for rule in told)}
    assert named <= set(contract.rules)
