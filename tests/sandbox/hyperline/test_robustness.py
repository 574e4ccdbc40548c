"""Whatever comes: no 5xx, a finding for every refusal, and nothing kept of what was refused."""

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.conformance import violations

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | FLOATS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
TIMES = st.sampled_from(
    [
        "2026-01-15T12:00:00Z",
        "2026-01-15 12:00",
        "2026-01-15T12:00+00:00",
        1768478400000,
        "later",
        None,
    ]
)
EVENT = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(["acme", "ghost"]),
        "event_type": st.sampled_from(["api_call", "storage"]),
        "timestamp": TIMES,
        "record": st.dictionaries(st.text(max_size=3), JSON, max_size=2).map(
            lambda rest: {"id": 1, **rest}
        ),
    },
    optional={"other": JSON},
)
CUT = st.fixed_dictionaries(
    {}, optional={"customer_id": JSON, "event_type": JSON, "timestamp": TIMES, "record": JSON}
)
CUSTOMER = st.fixed_dictionaries(
    {},
    optional={
        "external_id": st.sampled_from(["acme", "a/b", ""]) | JSON,
        "name": st.just("Acme") | JSON,
        "type": st.sampled_from(["person", "corporate", "automatically_created"]) | JSON,
        "currency": st.sampled_from(["EUR", "eur"]) | JSON,
        "billing_address": JSON,
        "custom_properties": JSON,
        "invoice_emails": JSON,
        "vat_number": JSON,
        "id": JSON,
        "status": JSON,
    },
)
SWITCHES: dict[str, Any] = {
    "ingest.unknown-customer": st.sampled_from(["reject-400", "reject-404", "auto-create"]),
    "ingest.timestamp": st.sampled_from(["documented", "strict", "lenient"]),
    "ingest.timestamp-offset": st.sampled_from(["reject", "utc"]),
    "ingest.record-objects": st.sampled_from(["reject", "accept"]),
    "ingest.record-null": st.sampled_from(["accept", "reject"]),
    "ingest.record-id-empty": st.sampled_from(["reject", "accept"]),
    "ingest.unknown-key": st.sampled_from(["ignore", "reject"]),
    "ingest.identity": st.sampled_from(
        ["event-type-and-record-id", "record-id", "record-id-and-customer"]
    ),
    "batch.event-type": st.sampled_from(["reject", "allow"]),
    "batch.invalid": st.sampled_from(["refuse", "fail-each"]),
    "batch.unknown-customer": st.sampled_from(["fail-each", "refuse"]),
    "rate-limits": st.sampled_from(["off", "live"]),
}
many = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(
    EVENT | CUT | JSON,
    st.sampled_from(["/v1/events", "/v2/events"]),
    st.fixed_dictionaries(SWITCHES),
)
def test_any_event_is_kept_or_refused_with_a_finding(open_desk, body, path, switches):
    desk = open_desk(**switches)
    desk.customer("acme")
    response = desk.ask("POST", path, json=body)
    exchange = list(desk.account.journal.after(0))[-1]
    outcomes = {entry.outcome for entry in desk.account.ledger.entries()}
    assert response.status_code in (201, 202, 400, 404)
    if response.status_code < 400:
        assert outcomes <= {"accepted", "unmatched"}
        assert len(outcomes) == 1
    else:
        assert exchange.findings
        assert outcomes <= {"rejected"}
        assert desk.account.state.seen == {}


@many
@given(
    st.lists(EVENT | CUT | JSON, max_size=4) | JSON,
    st.sampled_from(
        [("/v1/events/batch", "events_created"), ("/v2/events/batch", "events_accepted")]
    ),
    st.fixed_dictionaries(SWITCHES),
)
def test_every_event_of_a_batch_is_in_the_answer_once_or_none_is_kept(
    open_desk, body, version, switches
):
    desk = open_desk(**switches)
    desk.customer("acme")
    path, created = version
    response = desk.ask("POST", path, json=body)
    exchange = list(desk.account.journal.after(0))[-1]
    if response.status_code >= 400:
        assert response.status_code in (400, 404)
        assert exchange.findings
        assert desk.account.state.seen == {}
        assert list(desk.account.state.customers.values())[0]["external_id"] == "acme"
        assert len(desk.account.state.customers) == 1
        return
    answer = response.json()
    assert set(answer) == {created, "events_failed"}
    assert len(answer[created]) + len(answer["events_failed"]) == len(body)
    counts: Counter[str] = Counter()
    for group in exchange.effects:
        counts[group.outcome] += len(group.items)
    assert counts["rejected"] == len(answer["events_failed"])
    assert counts["accepted"] + counts["updated"] + counts["unmatched"] == len(answer[created])


@many
@given(st.binary(max_size=40), st.sampled_from(["gzip", "br", "identity", ""]))
def test_any_bytes_are_answered(desk, body, encoding):
    headers = {"content-type": "application/json", "content-encoding": encoding}
    response = desk.ask("POST", "/v1/events", headers=headers, content=body)
    assert response.status_code == 400


@many
@given(st.lists(CUSTOMER | JSON, min_size=1, max_size=3))
def test_any_customer_is_stored_or_refused(desk, bodies):
    endpoint = desk.account.room.contract.endpoint("create-customer")
    for body in bodies:
        before = len(desk.account.state.customers)
        response = desk.ask("POST", "/v1/customers", json=body)
        schema = endpoint.responses[response.status_code]
        assert violations(response.json(), schema, rule="answer") == []
        assert len(desk.account.state.customers) == before + (response.status_code == 201)


@many
@given(
    st.dictionaries(
        st.sampled_from(
            ["take", "skip", "limit", "cursor", "include_total", "name__in", "id__isNull", "x"]
        ),
        st.sampled_from(["", "0", "1", "1e1", "1e999", "-0", ".5", "nan", "١", "true", "a,b"])
        | st.text(max_size=4),
    ),
    st.sampled_from(["/v1/customers", "/v2/customers"]),
)
def test_any_query_is_answered(desk, query, path):
    response = desk.ask("GET", path, params=query)
    assert response.status_code in (200, 400)
    endpoint = "list-customers" if path.startswith("/v1") else "list-customers-v2"
    schema = desk.account.room.contract.endpoint(endpoint).responses[response.status_code]
    assert violations(response.json(), schema, rule="answer") == []


@many
@given(st.text(min_size=1, max_size=8), st.sampled_from(["GET", "DELETE", "PUT", "PATCH"]))
def test_any_path_is_answered(desk, name, method):
    path = "/v1/customers/" + "".join(f"%{byte:02x}" for byte in name.encode())
    body = b"{}" if method == "PUT" else b""
    answer = desk.ask(method, path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 404


def test_the_same_requests_get_the_same_bytes(open_desk):
    answers = [open_desk().ask("POST", "/v1/customers", json={}).content for _ in "ab"]
    assert answers[0] == answers[1]
