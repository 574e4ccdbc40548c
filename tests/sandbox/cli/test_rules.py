"""`meterbox rules`."""

import json

import pytest

from contracts.reader import read, vendors


def test_piped_a_rule_is_a_line_of_fields_between_tabs(run):
    lines = run("rules", "orb").output.splitlines()
    assert len(lines) == len(read("orb").rules)
    first = read("orb").rules["orb.auth"]
    assert lines[0].split("\t") == [
        "orb.auth",
        "documented",
        first.sentence,
        first.source,
        first.read,
        "",
    ]


def test_a_switch_tells_its_values_and_its_default(run):
    lines = dict(line.split("\t", 1) for line in run("rules", "orb").output.splitlines())
    told = lines["orb.rate-limits"].rpartition("\t")[2]
    assert told == "choice: off | live | test | trial; default off"
    assert lines["orb.ingest.grace-period"].endswith("\tduration; default 12h")


@pytest.mark.parametrize("vendor", vendors())
def test_every_rule_of_a_vendor_is_told_in_json(run, vendor: str):
    told = json.loads(run("rules", vendor, "--json").output)
    assert [rule["id"] for rule in told] == list(read(vendor).rules)
    assert {tuple(rule) for rule in told} == {
        ("id", "sentence", "source", "read", "confidence", "switch")
    }


def test_without_a_vendor_the_rules_of_all_are_told(run):
    told = json.loads(run("rules", "--json").output)
    assert {rule["id"] for rule in told} == {rule for v in vendors() for rule in read(v).rules}


def test_rules_may_be_chosen_by_how_they_are_known(run):
    told = json.loads(
        run("rules", "--json", "--confidence", "sdk", "--confidence", "observed").output
    )
    assert {rule["confidence"] for rule in told} == {"sdk", "observed"}


def test_a_confidence_that_is_not_one_is_exit_code_2(run):
    assert run("rules", "--confidence", "rumour").exit_code == 2


def test_what_is_linted_is_listed_as_advice_and_no_rule_of_a_vendor(run):
    told = json.loads(run("rules", "--lint", "--json").output)
    assert all(one["id"].startswith("lint.") for one in told)
    assert {one["source"] for one in told} == {"meterbox's own advice"}
    lines = [line.split("\t") for line in run("rules", "--lint").output.splitlines()]
    assert lines == [list(one.values()) for one in told]
    assert run("rules", "orb", "--lint").exit_code == 2
    assert run("rules", "--confidence", "sdk", "--lint").exit_code == 2
