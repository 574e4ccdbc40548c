"""Each way in which a run can go wrong is told by its own word, of the event that it befell."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sandbox.proving.case import Case
from sandbox.proving.expectation import expected
from sandbox.proving.hurry import hurried
from sandbox.proving.proof import Proof, prove
from sandbox.proving.rehearsal import rehearsed
from sandbox.proving.verdict import judged
from tests.sandbox.proving.planted import AT, case, event, struck
from translators.forwarding.outbox import Delivery
from translators.forwarding.outcome import Delivered
from translators.forwarding.route import Route

LATE = (AT - timedelta(days=3)).isoformat()


def planted(given: Case, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Proof:
    """The proof with a forwarder that sends something else than the event says."""
    was = Route.opened

    def opened(route: Route, delivery: Delivery) -> Delivery:
        whose = (delivery.number, delivery.origin, delivery.vendor)
        made = was(route, Delivery(*whose, change(dict(delivery.event)), delivery.accepted))
        return replace(made, event=delivery.event, attempts=delivery.attempts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Route, "opened", opened)
        return prove(given, rehearsed)


def test_another_quantity_is_billed_otherwise() -> None:
    proof = planted(
        case(2, vendors=["amberflo"]),
        lambda event: {**event, "properties": {"value": event["properties"]["value"] + 1}},
    )
    assert proof.verdict.signature == ["amberflo changed"]
    first = proof.verdict.mismatches[0]
    assert (first.event, first.expected, first.found) == ("m-0", "1 calls for u0", "2 calls for u0")
    assert first.exchanges


def test_another_customer_is_billed_otherwise() -> None:
    given = case([event(0), event(1, userId="u0")], vendors=["orb"])
    proof = planted(given, lambda event: {**event, "userId": "u0"})
    assert proof.verdict.proven
    proof = planted(case(2, vendors=["hyperline"]), lambda event: {**event, "userId": "u0"})
    assert [str(m.event) for m in proof.verdict.mismatches] == ["m-1"]


def test_what_a_rule_refuses_and_is_billed_all_the_same_is_unasked() -> None:
    given = case([event(0, timestamp=LATE)], vendors=["orb"])
    proof = planted(given, lambda event: {**event, "timestamp": AT.isoformat()})
    [mismatch] = proof.verdict.mismatches
    assert mismatch.what == "unasked"
    assert "orb.ingest.grace-period" in mismatch.expected
    assert proof.verdict.tallies["orb"] == {"events": 1, "expected": 0, "unasked": 1}


def test_usage_of_no_event_is_unasked() -> None:
    proof = planted(
        case(1, vendors=["orb"]),
        lambda event: {**event, "messageId": "other", "event": "of no event"},
    )
    assert proof.verdict.signature == ["orb lost", "orb unasked"]


def test_what_is_said_to_be_delivered_and_never_arrived_is_lost() -> None:
    def opened(_: Route, delivery: Delivery) -> Delivery:
        return delivery.came_to(Delivered())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Route, "opened", opened)
        proof = prove(case([event(0), event(1, timestamp=LATE)], vendors=["orb"]), rehearsed)
    assert [(m.what, m.found) for m in proof.verdict.mismatches] == [
        ("lost", "nothing (delivered)"),
        ("lost", "nothing (delivered)"),
    ]


def test_another_key_is_told_unless_the_forwarder_may_choose_its_own() -> None:
    given = case([event(0), event(2, userId="u0", properties={"value": 1})], vendors=["amberflo"])
    proof = planted(given, lambda event: {**event, "messageId": f"mine-{event['messageId']}"})
    assert proof.verdict.signature == ["amberflo changed"]
    assert proof.verdict.tallies["amberflo"] == {"events": 2, "expected": 2, "changed": 2}
    lenient = judged(given, hurried(expected(given)), proof.played, lenient=True)
    assert lenient.proven
    assert lenient.tallies["amberflo"] == {"events": 2, "expected": 2, "billed": 2}


def test_faults_come_and_go_while_the_vendors_clocks_stand_still() -> None:
    """An hour of outage does not make an event late whose time was just within the grace period."""
    just = (AT - timedelta(hours=11, minutes=59)).isoformat()
    proof = prove(case([event(0, timestamp=just)], "outage", vendors=["orb"]), rehearsed)
    assert proof.verdict.tallies["orb"] == {"events": 1, "expected": 1, "billed": 1}
    assert len(proof.played.strikes) > 3


def test_a_strike_strikes_its_request_and_no_other() -> None:
    given = case(3, vendors=["kana"], strikes=(struck("kana", 2, "status", status=503),))
    played = rehearsed(given)
    assert [" 503 " in line for line in played.trace] == [False, True, False, False]
    assert played.strikes == list(given.strikes)
