"""Whatever comes: no 5xx, a finding for every refusal, and nothing kept of what was refused."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.conformance import violations
from tests.sandbox.amberflo.conftest import NOW

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
RECORD = st.fixed_dictionaries(
    {},
    optional={
        "uniqueId": JSON,
        "customerId": st.text(max_size=3) | JSON,
        "meterApiName": st.text(max_size=3) | JSON,
        "meterValue": st.integers() | FLOATS | JSON,
        "meterTimeInMillis": st.integers() | FLOATS | JSON,
        "dimensions": st.dictionaries(st.text(max_size=3), st.text(max_size=3) | JSON) | JSON,
        "values": st.dictionaries(st.text(max_size=3), st.integers() | JSON) | JSON,
        "other": JSON,
    },
)
CUSTOMER = st.fixed_dictionaries(
    {},
    optional={
        "customerId": st.sampled_from(["acme", "a/b"]) | JSON,
        "customerName": st.just("Acme") | JSON,
        "lifecycleStage": st.sampled_from(["trial", "ACTIVE", "OFFBOARDED"]) | JSON,
        "traits": st.dictionaries(st.text(max_size=3), JSON) | JSON,
        "address": JSON,
        "createTime": JSON,
        "other": JSON,
    },
)
SWITCHES: dict[str, Any] = {
    "ingest.dimension-types": st.sampled_from(["reject", "text"]),
    "ingest.dimension-characters": st.sampled_from(["lenient", "strict"]),
    "ingest.meter": st.sampled_from(["reject", "unmatched"]),
    "ingest.future": st.sampled_from(["accept", "reject"]),
    "ingest.past": st.sampled_from(["billed", "late"]),
    "ingest.null": st.sampled_from(["accept", "reject"]),
    "ingest.values": st.sampled_from(["beside", "instead"]),
    "ingest.cancel-value": st.sampled_from(["dimension", "any-case"]),
    "ingest.dimension-null": st.sampled_from(["accept", "reject"]),
    "ingest.cancel-match": st.sampled_from(["record", "unique-id", "resource"]),
    "ingest.empty": st.sampled_from(["accept", "reject"]),
    "ingest.unknown-customer": st.sampled_from(["unmatched", "billed"]),
    "ingest.custom-unknown": st.sampled_from(["reject", "unmatched"]),
}
many = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@many
@given(RECORD | st.lists(RECORD, max_size=3) | JSON, st.fixed_dictionaries(SWITCHES))
def test_any_body_is_taken_or_refused_whole(open_desk, body, switches):
    desk = open_desk(**switches)
    response = desk.ask("POST", "/ingest", json=body)
    (exchange,) = desk.account.journal.after(0)
    outcomes = {entry.outcome for entry in desk.account.ledger.entries()}
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        count = len(body) if isinstance(body, list) else 1
        assert response.text == f"{count} records were ingested"
        assert "rejected" not in outcomes
    else:
        assert list(response.json()) == ["errorMessage"]
        assert exchange.findings
        assert outcomes <= {"rejected"}
        assert desk.account.state.names == {}


@many
@given(st.lists(RECORD | JSON, min_size=1, max_size=4), st.fixed_dictionaries(SWITCHES))
def test_each_record_of_a_list_is_kept_or_rejected_by_switch(open_desk, body, switches):
    desk = open_desk(**{**switches, "ingest.whole-batch": "partial", "ingest.values": "instead"})
    response = desk.ask("POST", "/ingest", json=body)
    (exchange,) = desk.account.journal.after(0)
    refused = {f.path[: f.path.index("]") + 1] for f in exchange.findings if f.path != "$"}
    if response.status_code == 200:
        kept = int(response.text.split()[0])
        assert 0 < kept <= len(body)
        assert len(body) - kept <= len(refused)
    else:
        assert response.status_code == 400
        assert len(refused) == len(body)
        assert desk.account.state.names == {}


@many
@given(
    RECORD | st.lists(RECORD, max_size=3) | JSON,
    st.sampled_from(["schemaDetection=AUTO", "ingestSchemaId=s1", "ingestSchemaId=nobody"]),
    st.fixed_dictionaries(SWITCHES),
)
def test_any_body_of_a_custom_schema_is_taken_or_refused_whole(open_desk, body, query, switches):
    desk = open_desk(**switches)
    desk.ask("POST", "/ingest/settings/ingest-schema", json={"id": "s1", "schema": {}})
    fields = {"customerId": "customerId", "meterValue": "meterValue", "meterTimeInMillis": "other"}
    declaration = {"id": "s1", "fields": fields, "constants": {"meterApiName": "calls"}}
    desk.account.room.dashboard["declare-ingest-schema"](desk.account, declaration, NOW)
    response = desk.ask("POST", f"/ingest?{query}", json=body)
    exchange = desk.account.journal.get(2)
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        count = len(body) if isinstance(body, list) else 1
        assert response.text == f"{count} records were ingested"
        told = sum(len(effects.items) for effects in exchange.effects)
        assert told == count
    else:
        assert exchange.findings
        assert desk.account.state.names == {}


@many
@given(st.binary(max_size=40), st.sampled_from(["gzip", "br", "identity", ""]))
def test_any_bytes_are_answered(desk, body, encoding):
    response = desk.ask("POST", "/", encoding=encoding, content=body)
    assert response.status_code in (200, 400)


@many
@given(st.lists(CUSTOMER | JSON, min_size=1, max_size=3), st.sampled_from(["POST", "PUT"]))
def test_any_customer_is_stored_or_refused(desk, bodies, method):
    endpoint = desk.account.room.contract.endpoint("create-customer")
    for body in bodies:
        before = len(desk.ask("GET", "/customers").json())
        response = desk.ask(method, "/customers", json=body)
        schema = endpoint.responses[response.status_code]
        assert violations(response.json(), schema, rule="answer") == []
        if response.status_code != 200:
            assert len(desk.ask("GET", "/customers").json()) == before


@many
@given(st.text(min_size=1, max_size=8), st.sampled_from(["GET", "DELETE", "PUT", "PATCH"]))
def test_any_path_is_answered(desk, name, method):
    path = "/customers/" + "".join(f"%{byte:02x}" for byte in name.encode())
    assert desk.ask(method, path).status_code in (200, 400, 404, 405)


def test_the_same_requests_get_the_same_bytes(open_desk):
    customer = {"customerId": "acme", "customerName": "Acme"}
    query = {"autoCreateCustomerInStripe": "true"}
    answers = [
        open_desk().ask("POST", "/customers", json=customer, params=query).content for _ in "ab"
    ]
    assert answers[0] == answers[1]
