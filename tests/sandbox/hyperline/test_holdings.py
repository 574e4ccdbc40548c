"""What is there, held against a dictionary: listed, deleted and billed alike."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

IDENTITIES = ("event-type-and-record-id", "record-id", "record-id-and-customer")
CUSTOMERS = st.sampled_from(["acme", "globex"])
TYPES = st.sampled_from(["a", "a/b", "a%2Fb"])
IDS = st.sampled_from(["1", "2", "b/1", 1])
EVENTS = st.builds(
    lambda customer, kind, id, size: {
        "customer_id": customer,
        "event_type": kind,
        "timestamp": f"2026-01-15T12:00:0{size}Z",
        "record": {"id": id, "size": size},
    },
    CUSTOMERS,
    TYPES,
    IDS,
    st.integers(0, 9),
)
DELETIONS = st.one_of(
    st.builds(
        lambda ids: {"matching": "record_ids", "record_ids": ids},
        st.lists(st.sampled_from(["1", "2", "b/1", "x"]), max_size=3),
    ),
    st.builds(lambda customer: {"matching": "customer_id", "customer_id": customer}, CUSTOMERS),
    st.builds(
        lambda customer, kind: {
            "matching": "customer_id",
            "customer_id": customer,
            "event_type": kind,
        },
        CUSTOMERS,
        TYPES,
    ),
    st.builds(lambda kind: {"matching": "event_type", "event_type": kind}, TYPES),
    st.just({"matching": "all"}),
)
Event = dict[str, Any]


def known_by(event: Event, identity: str) -> tuple[str, ...]:
    id = str(event["record"]["id"])
    if identity == "record-id":
        return (id,)
    return (event["event_type" if identity == IDENTITIES[0] else "customer_id"], id)


def matches(event: Event, asked: dict[str, Any]) -> bool:
    if asked["matching"] == "record_ids":
        return str(event["record"]["id"]) in asked["record_ids"]
    return all(asked.get(key, event[key]) == event[key] for key in ("customer_id", "event_type"))


def listed(desk: Any, **query: Any) -> list[Event]:
    """Every event there is, page by page, as it was sent."""
    found: list[Event] = []
    while True:
        asked = {"take": 3, "skip": len(found), "order": "asc", **query}
        told = desk.ask("GET", "/v1/events", params=asked).json()
        assert told["meta"] == {
            "total": told["meta"]["total"],
            "taken": len(told["data"]),
            "skipped": len(found),
        }
        found += told["data"]
        if len(found) == told["meta"]["total"]:
            return [
                {name: row[name] for name in ("customer_id", "event_type", "record")}
                for row in found
            ]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.lists(EVENTS, min_size=1, max_size=4) | EVENTS | DELETIONS, max_size=7),
    st.sampled_from(IDENTITIES),
)
def test_what_is_listed_deleted_and_billed_is_the_last_event_of_each_identity(
    open_desk, acts, identity
):
    desk = open_desk(**{"ingest.identity": identity, "batch.event-type": "allow"})
    desk.customer("acme")
    desk.customer("globex")
    kept: dict[tuple[str, ...], Event] = {}
    for act in acts:
        if "matching" in act:
            gone = [name for name, event in kept.items() if matches(event, act)]
            assert desk.ask("DELETE", "/v1/events", json=act).json() == len(gone)
            kept = {name: event for name, event in kept.items() if name not in gone}
            continue
        batch = act if isinstance(act, list) else [act]
        path = "/v1/events/batch" if isinstance(act, list) else "/v1/events"
        assert desk.ask("POST", path, json=act).status_code == 201
        kept |= {known_by(event, identity): event for event in batch}
    expected = sorted(kept.values(), key=lambda event: event["timestamp"])
    found = listed(desk)
    assert [row["record"]["size"] for row in found] == [e["record"]["size"] for e in expected]
    for event in expected:
        assert {name: event[name] for name in ("customer_id", "event_type", "record")} in found
    billed: dict[tuple[str, str], int] = {}
    for event in kept.values():
        place = (event["customer_id"], event["event_type"])
        billed[place] = billed.get(place, 0) + 1
    assert desk.billed() == billed


def sent(id: str, customer: str = "acme", kind: str = "a", **record: Any) -> Event:
    return {
        "customer_id": customer,
        "event_type": kind,
        "timestamp": "2026-01-15T12:00:00Z",
        "record": {"id": id, **record},
    }


def test_a_change_of_identity_by_switch_leaves_what_was_there_as_it_was(desk):
    desk.customer("acme")
    for kind in ("a", "b"):
        desk.ask("POST", "/v1/events", json=sent("1", kind=kind))
    desk.account.set("hyperline.ingest.identity", "record-id")
    desk.ask("POST", "/v1/events", json=sent("1", kind="c"))
    assert [row["event_type"] for row in listed(desk)] == ["a", "b", "c"]
    assert desk.ask("DELETE", "/v1/events", json={"matching": "all"}).json() == 3
    assert desk.billed() == {}


@pytest.mark.parametrize("key", ["prod_x", "test_x"])
def test_by_switch_a_key_of_production_deletes_nothing(open_desk, key):
    """Rule hyperline.delete.environment."""
    desk = open_desk()
    account = desk.sandbox.accounts.open("hyperline", key)
    account.set("hyperline.delete.environment", "sandbox-only")
    headers = {"authorization": f"Bearer {key}"}
    desk.ask("POST", "/v1/customers", json={"external_id": "acme"}, headers=headers)
    desk.ask("POST", "/v1/events", json=sent("1"), headers=headers)
    answer = desk.ask("DELETE", "/v1/events", json={"matching": "all"}, headers=headers)
    left = [total.events for total in account.ledger.totals()]
    if key == "prod_x":
        assert (answer.status_code, answer.json()["statusCode"], left) == (403, 403, [1])
    else:
        assert (answer.status_code, answer.json(), left) == (200, 1, [])


def test_the_ledger_tells_what_an_event_took_the_place_of(desk):
    desk.customer("acme")
    desk.customer("globex")
    desk.ask("POST", "/v1/events", json=sent("1"))
    desk.ask("POST", "/v1/events", json=sent("1", customer="globex"))
    *_, entry = desk.account.ledger.entries()
    assert (entry.outcome, entry.rule) == ("updated", "hyperline.ingest.identity")
    assert (entry.usage.customer, [usage.customer for usage in entry.replaced]) == (
        "globex",
        ["acme"],
    )
    assert desk.billed() == {("globex", "a"): 1}
