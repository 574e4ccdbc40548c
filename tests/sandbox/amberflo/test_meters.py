"""Amberflo's meters: what the ledger makes of them, and whatever comes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.conformance import violations
from sandbox.ledger import Ledger
from tests.sandbox.amberflo.conversation import Conversation
from tests.sandbox.amberflo.test_robustness import JSON

MILLIS = 1619395200000


def record(id: str, value: float = 1, user: str = "u") -> dict[str, Any]:
    return {
        "uniqueId": id,
        "customerId": "acme",
        "meterApiName": "api_call",
        "meterValue": value,
        "meterTimeInMillis": MILLIS,
        "dimensions": {"user": user},
    }


@pytest.fixture
def talk() -> Conversation:
    talk = Conversation()
    talk.ask("POST", "/customers", {"customerId": "acme", "customerName": "Acme"})
    return talk


def test_what_the_ledger_dropped_stays_as_it_was_counted(talk: Conversation) -> None:
    """Rule amberflo.ledger.dropped."""
    talk.account.ledger = Ledger(kept=1)
    meter = talk.declare("api_call")
    for n in range(3):
        talk.ask("POST", "/ingest", record(str(n), 5))
    unique = {"meterType": "active_users", "aggregationDimensions": ["user"]}
    exchange = talk.exchange("PUT", "/meters", meter | unique)
    assert [finding.rule for finding in exchange.findings] == ["amberflo.ledger.dropped"]
    assert [(t.quantity, t.events) for t in talk.account.ledger.totals()] == [(10, 2), (1, 1)]


def test_a_switch_that_is_set_later_counts_what_came_before(talk: Conversation) -> None:
    talk.declare("bytes")
    talk.ask("POST", "/ingest", record("a"))
    assert talk.billed() == {}
    talk.account.set("amberflo.meter.undeclared", "counted")
    assert talk.billed() == {("acme", "api_call"): 1}


def test_each_meter_that_bills_nothing_is_told_of_once_in_an_exchange(talk: Conversation) -> None:
    talk.declare("api_call")
    records = [record(str(n)) | {"meterApiName": name} for n, name in enumerate("xyx")]
    told = talk.exchange("POST", "/ingest", [*records, record("a")])
    assert [(f.value, f.message[:40]) for f in told.findings] == [
        ("x", "no meter is called 'x': 2 records bill n"),
        ("y", "no meter is called 'y': 1 record bill no"),
    ]
    assert [(e.outcome, len(e.items)) for e in told.effects] == [("unmatched", 3), ("accepted", 1)]


def test_an_id_is_a_uuid_and_the_same_again() -> None:
    ids = [Conversation().declare("api_call")["id"] for _ in "ab"]
    assert ids[0] == ids[1] == str(UUID(ids[0]))


def test_meters_have_ids_of_their_own(talk: Conversation) -> None:
    assert talk.declare("a")["id"] != talk.declare("b")["id"]


METER = st.fixed_dictionaries(
    {},
    optional={
        "label": st.sampled_from(["x", "y"]) | JSON,
        "meterApiName": st.sampled_from(["x", "y"]) | JSON,
        "meterType": st.sampled_from(["sum_of_all_usage", "active_users", "event_duration"]) | JSON,
        "dimensions": st.lists(st.text(max_size=2), max_size=2) | JSON,
        "aggregationDimensions": st.lists(st.text(max_size=2), max_size=2) | JSON,
        "lockingStatus": st.sampled_from(["open", "close_to_changes", "deprecated"]) | JSON,
        "useInBilling": st.booleans() | JSON,
        "deduplicationConfig": JSON,
        "other": JSON,
    },
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["POST", "PUT", "DELETE"]), METER | JSON, st.booleans()), max_size=6
)


TALK = Conversation()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_any_meter_is_stored_or_refused_whole(steps: list[tuple[str, Any, bool]]) -> None:
    talk = TALK.reset()
    endpoint = talk.account.room.contract.endpoint
    for method, body, known in steps:
        before = talk.ask("GET", "/meters")[1]
        id = before[-1]["id"] if before and known else "nobody"
        if method == "PUT" and isinstance(body, dict):
            body = body | {"id": id}
        path = f"/meters/{id}" if method == "DELETE" else "/meters"
        exchange = talk.exchange(method, path, body)
        after = talk.ask("GET", "/meters")[1]
        assert exchange.reply.status in (200, 400)
        if exchange.reply.status == 400:
            assert exchange.findings
            assert after == before
        schema = endpoint("list-meters").responses[200]
        assert schema is not None
        assert violations(after, schema, rule="answer") == []
        assert len({meter["meterApiName"] for meter in after}) == len(after)
