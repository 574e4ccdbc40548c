"""Runs in this process: what holds under faults, and the planted bugs that are found."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sandbox.proving.case import Case
from sandbox.proving.proof import Proof, prove, smallest
from sandbox.proving.rehearsal import rehearsed
from sandbox.scenario import presets
from tests.sandbox.proving.planted import AT, case, event, new_keys, struck
from translators.mapping import translated_vendors


def proven(given: Case) -> Proof:
    return prove(given, rehearsed)


@pytest.mark.parametrize("scenario", presets())
def test_the_forwarder_loses_and_doubles_nothing_under_any_scenario(scenario: str) -> None:
    proof = proven(case(60, scenario))
    assert proof.verdict.signature == []
    assert proof.played.strikes
    for tally in proof.verdict.tallies.values():
        assert tally == {"events": 60, "expected": 60, "billed": 60}


def test_the_same_seed_gives_the_same_trace_and_another_another() -> None:
    given = case(80, "flaky", "lost-replies", seed=5)
    first, again = rehearsed(given).trace, rehearsed(given).trace
    assert first == again
    assert rehearsed(replace(given, seed=6)).trace != first


def test_what_no_vendor_bills_is_refused_by_a_rule_or_of_no_usage() -> None:
    late = event(1, timestamp=(AT - timedelta(days=3)).isoformat())
    person = {"type": "identify", "userId": "u1", "messageId": "m-2", "traits": {"name": "U"}}
    anonymous = {k: v for k, v in event(3).items() if k != "userId"}
    proof = proven(case([event(0), late, person, anonymous], "flaky"))
    assert proof.verdict.signature == []
    tallies = proof.verdict.tallies
    assert tallies["orb"] == {"events": 4, "expected": 1, "billed": 1, "refused": 3}
    assert tallies["kana"] == {"events": 4, "expected": 2, "billed": 2, "nothing": 1, "refused": 1}


def test_what_is_refused_for_good_is_dead_with_a_reason() -> None:
    proof = proven(case(3, vendors=["kana"], strikes=(struck("kana", 2, "status", status=401),)))
    assert proof.verdict.proven
    assert proof.verdict.tallies["kana"] == {"events": 3, "expected": 3, "billed": 2, "dead": 1}


def test_an_outage_without_end_leaves_all_of_it_dead_with_a_reason() -> None:
    given = case(2, "outage", vendors=["orb"])
    [(vendor, fault)] = given.faults
    proof = proven(replace(given, faults=((vendor, replace(fault, ttl=None)),)))
    assert proof.verdict.tallies["orb"] == {"events": 2, "expected": 2, "dead": 2}
    assert proof.played.ends is not None
    assert proof.played.ends["orb", "m-0"].reason.startswith("gave up after 4h")


def test_a_key_made_anew_for_a_retry_bills_twice_and_is_found_at_every_vendor() -> None:
    with new_keys():
        proof = proven(case(40, "lost-replies"))
    assert {one.vendor for one in proof.verdict.mismatches if one.what == "doubled"} == set(
        proof.case.settings
    )


@pytest.mark.parametrize("vendor", translated_vendors())
def test_a_found_mismatch_is_shrunk_to_one_event_and_one_fault(vendor: str) -> None:
    with new_keys():
        given = case(40, "lost-replies", vendors=[vendor])
        least = smallest(proven(given), rehearsed, tries=300)
        given = least.case
        assert (len(given.events), len(given.strikes), len(given.faults)) == (1, 1, 0)
        assert given.strikes[0].fault.kind == "lost-reply"
        assert proven(given).verdict.signature == least.verdict.signature
    [mismatch] = least.verdict.mismatches
    assert mismatch.what == "doubled"
    assert mismatch.event == given.events[0]["messageId"]
    assert "-again" in mismatch.found
    assert mismatch.exchanges
    assert proven(given).verdict.proven


def test_a_run_that_never_ends_is_told() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("translators.forwarding.lane.Lane._send", lambda *_: None)
        proof = proven(case(1, vendors=["orb"]))
    assert proof.verdict.signature == ["orb lost", "stuck"]
