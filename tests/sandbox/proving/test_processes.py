"""Runs with a forwarder process that is killed, and the bugs that only a kill brings out."""

from pathlib import Path

import pytest

from sandbox.proving.bundle import load, written
from sandbox.proving.case import Case
from sandbox.proving.expectation import Expectation
from sandbox.proving.keeping import Ended
from sandbox.proving.outcome import Played
from sandbox.proving.processes import played
from sandbox.proving.proof import prove, smallest
from tests.sandbox.proving.planted import case
from tests.sandbox.proving.planted_child import acking_early, ended, making_new_keys


def test_nothing_is_lost_or_doubled_however_often_the_forwarder_is_killed() -> None:
    proof = prove(case(400, "lost-replies", "flaky", kills=10, seed=1), played)
    assert proof.verdict.signature == []
    assert proof.played.kills == 10
    assert proof.played.strikes
    for tally in proof.verdict.tallies.values():
        assert tally == {"events": 400, "expected": 400, "billed": 400}


def losing(given: Case, expectation: Expectation) -> Played:
    return played(given, expectation, acking_early)


def test_a_planted_loss_is_found_and_its_bundle_has_the_same_verdict(tmp_path: Path) -> None:
    proof = prove(case(60, kills=12, vendors=["orb", "hyperline"]), losing)
    assert {one.what for one in proof.verdict.mismatches} == {"lost"}
    assert proof.verdict.mismatches[0].found == "nothing"
    least = smallest(proof, losing, tries=2)
    file = tmp_path / "repro.json"
    file.write_text(written(least, "processes"))
    bundle = load(file)
    assert bundle.case.kills == least.case.kills
    again = prove(bundle.case, losing)
    assert {one.what for one in again.verdict.mismatches} == {"lost"}


def test_a_forwarder_that_ends_by_itself_is_told() -> None:
    def ending(given: Case, expectation: Expectation) -> Played:
        return played(given, expectation, ended)

    with pytest.raises(Ended, match="with exit code 3"):
        prove(case(2, vendors=["orb"]), ending)


def test_a_planted_double_bill_is_found_in_processes_too() -> None:
    def doubling(given: Case, expectation: Expectation) -> Played:
        return played(given, expectation, making_new_keys)

    proof = prove(case(60, "lost-replies", kills=2, vendors=["orb", "kana"]), doubling)
    assert "kana doubled" in proof.verdict.signature
