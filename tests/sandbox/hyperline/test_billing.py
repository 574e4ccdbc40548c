"""What is billed, held against the plainest model there is: a dictionary, the last one winning."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fixtures
from sandbox.hyperline.dashboard import FUNCTIONS
from sandbox.hyperline.identity import joined
from tests.sandbox.hyperline.conftest import NOW

FOLDER = Path(fixtures.__path__[0]) / "hyperline" / "golden"
SENT = {
    file.stem: request
    for file in sorted(FOLDER.glob("*.json"))
    for request in json.loads(file.read_text()).get("requests", [])
}
IDENTITIES = {
    "event-type-and-record-id": lambda e: (e["event_type"], e["record"]["id"]),
    "record-id": lambda e: e["record"]["id"],
    "record-id-and-customer": lambda e: (e["customer_id"], e["record"]["id"]),
}
EVENTS = st.builds(
    lambda customer, kind, id: {
        "customer_id": customer,
        "event_type": kind,
        "timestamp": "2026-01-15T12:00:00Z",
        "record": {"id": id},
    },
    st.sampled_from(["acme", "globex", "ghost"]),
    st.sampled_from(["a", "a/b", "a%2Fb"]),
    st.sampled_from(["1", "2", "b/1"]),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.lists(EVENTS, min_size=1, max_size=5), max_size=4),
    st.sampled_from(sorted(IDENTITIES)),
    st.sampled_from(["reject-400", "auto-create"]),
)
def test_the_last_event_of_an_identity_is_billed_and_no_other(
    open_desk, batches, identity, unknown
):
    desk = open_desk(
        **{
            "ingest.identity": identity,
            "ingest.unknown-customer": unknown,
            "batch.event-type": "allow",
        }
    )
    kept = {}
    for name in ("acme", "globex"):
        desk.customer(name)
    for batch in batches:
        assert desk.ask("POST", "/v1/events/batch", json=batch).status_code == 201
        for event in batch:
            if event["customer_id"] != "ghost" or unknown == "auto-create":
                kept[IDENTITIES[identity](event)] = event
    expected: dict[tuple[str, str], int] = {}
    for event in kept.values():
        if event["customer_id"] != "ghost":
            place = (event["customer_id"], event["event_type"])
            expected[place] = expected.get(place, 0) + 1
    assert desk.billed() == expected


@pytest.mark.parametrize("name", SENT)
def test_a_golden_request_is_billed_once_however_often_it_is_sent(desk, name):
    request = SENT[name]
    body = request["body"]
    desk.customer(body["customer_id"])
    answers = {desk.ask("POST", request["path"], json=body).status_code for _ in range(3)}
    if name == "refused-later":
        assert answers == {400}
        assert desk.billed() == {}
        return
    assert answers == {201}
    assert desk.billed() == {(body["customer_id"], body["event_type"]): 1}


@pytest.mark.parametrize("then", ["record-id", "record-id-and-customer"])
@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/prices"])
def test_an_identity_of_one_kind_is_none_of_another(desk, then, path):
    cus = desk.customer("acme")
    event = {"customer_id": cus, "event_type": cus, "timestamp": "2026-01-15T12:00:00Z"}
    kinds = ["event-type-and-record-id", then]
    for kind, id in zip(kinds, ["1", f"{cus}/1" if then == "record-id" else "1"], strict=True):
        desk.account.set("hyperline.ingest.identity", kind)
        assert desk.ask("POST", path, json={**event, "record": {"id": id}}).status_code == 201
    assert desk.billed() == {("acme", cus): 2}


@pytest.mark.parametrize("identity", sorted(IDENTITIES))
def test_what_a_deleted_customer_had_is_not_anothers_called_by_its_id(open_desk, identity):
    desk = open_desk(**{"ingest.identity": identity})
    gone = desk.customer("acme")
    desk.customer(gone)
    desk.ask(
        "POST",
        "/v1/events",
        json={
            "customer_id": gone,
            "event_type": "a",
            "timestamp": "2026-01-15T12:00:00Z",
            "record": {"id": "1"},
        },
    )
    desk.ask("PUT", f"/v1/customers/{gone}/archive")
    assert desk.ask("DELETE", f"/v1/customers/{gone}").status_code == 204
    desk.account.ledger.recount()
    assert desk.billed() == {}


def test_activation_bills_what_waits_and_nothing_twice(open_desk):
    desk = open_desk(**{"ingest.unknown-customer": "auto-create"})
    desk.customer("acme")
    for customer, id in [("acme", "1"), ("ghost", "1"), ("ghost", "2"), ("ghost", "2")]:
        event = {
            "customer_id": customer,
            "event_type": "a",
            "timestamp": "2026-01-15T12:00:00Z",
            "record": {"id": id},
        }
        assert desk.ask("POST", "/v1/events", json=event).status_code == 201
    assert desk.billed() == {}
    FUNCTIONS["pending-customers"](desk.account, {"activate": "ghost"}, NOW)
    assert desk.billed() == {("ghost", "a"): 2}
    desk.ask("POST", "/v1/events", json={**event, "customer_id": "acme"})
    assert desk.billed() == {("ghost", "a"): 1, ("acme", "a"): 1}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (485, "485"),
        (485.0, "485"),
        (-0.25, "-0.25"),
        (0.00001, "0.00001"),
        (0.000001, "0.000001"),
        (1.5e-6, "0.0000015"),
        (1e-7, "1e-7"),
        (-1.25e-10, "-1.25e-10"),
        (1e16, "10000000000000000"),
        (2**60, "1152921504606847000"),
        (1.2345678901234567e20, "123456789012345670000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (5e-324, "5e-324"),
    ],
)
def test_a_number_is_written_as_javascript_writes_it(number, text):
    assert joined("a", number) == f"a/{text}"
