"""The exported OpenAPI documents: what is in them, and that each vendor keeps to its own."""

import json
import os
import re
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from contracts import credentials
from contracts.model import Auth, Contract, Endpoint, Rule, Switch
from contracts.openapi import openapi
from contracts.reader import read, vendors
from contracts.schema import Schema
from sandbox.app import Options, create_app

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
EXAMPLES = int(os.environ.get("METERBOX_EXAMPLES", "8"))
"""Cases for each endpoint; its other spellings get a quarter of them. More find more, and take
their time: fifty a second."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
OPERATIONS = [
    pytest.param(vendor, endpoint, id=f"{vendor}-{endpoint.name}")
    for vendor in vendors()
    for endpoint in read(vendor).endpoints
]


def contract(tmp_path, *endpoints: Endpoint, schemes: tuple[str, ...] = ("bearer",)) -> Contract:
    return Contract(
        vendor="acme",
        title="Acme",
        role="billing",
        hosts=(),
        auth=Auth(schemes),
        endpoints=endpoints,
        rules={},
        limits=(),
        checked="2026-01-15",
        example={},
        notes=(),
        folder=tmp_path,
    )


def endpoint(**more: Any) -> Endpoint:
    given = {"name": "send", "method": "POST", "paths": ("/send",), "summary": "Send", **more}
    return Endpoint(rule="acme.send", **given)


def operation(document: dict[str, Any], path: str = "/send") -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][path]["post"]
    return found


@cache
def api(vendor: str) -> Any:
    """What schemathesis makes of a vendor's document, before a sandbox of that vendor alone."""
    found = schemathesis.openapi.from_dict(openapi(read(vendor), f"http://testserver/{vendor}"))
    found.app = create_app(Options(vendors=[vendor], source=lambda: NOW))
    return found


@pytest.mark.parametrize(("vendor", "tested"), OPERATIONS)
def test_no_request_makes_a_vendor_depart_from_its_own_document(vendor: str, tested: Endpoint):
    contract = read(vendor)
    key = credentials.headers_for(tested, contract, contract.key(f"schemathesis_{tested.name}"))
    for _, alike in groupby(sorted(tested.paths, key=parameters), key=parameters):
        drive([api(vendor)[path][tested.method] for path in alike], key)


def parameters(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def drive(spellings: list[Any], key: dict[str, str]) -> None:
    """Ask for right and wrong things; one time in four under each spelling of the endpoint's path,
    and without a key too."""
    cases = st.one_of(*(spellings[0].as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, more=st.sampled_from([False, False, False, True]))
    def ask(case: Case, more: bool) -> None:
        for operation, headers in [*((s, key) for s in spellings), (spellings[0], {})]:
            case.operation, case.path = operation, operation.path
            case.validate_response(case.call(headers=headers), checks=CHECKS)
            if not more:
                break

    ask()


@pytest.mark.parametrize("vendor", vendors())
def test_every_endpoint_is_there_under_every_spelling_of_its_path(vendor: str):
    contract = read(vendor)
    paths = openapi(contract, "http://127.0.0.1:4020")["paths"]
    expected = {(p, e.method.lower()) for e in contract.endpoints for p in e.paths}
    assert {(path, method) for path, item in paths.items() for method in item} == expected


@pytest.mark.parametrize("vendor", vendors())
def test_no_two_operations_share_an_id(vendor: str):
    paths = openapi(read(vendor), "http://127.0.0.1:4020")["paths"]
    ids = [operation["operationId"] for item in paths.values() for operation in item.values()]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("vendor", vendors())
def test_every_reference_leads_to_a_component_that_is_a_schema(vendor: str):
    document = openapi(read(vendor), "http://127.0.0.1:4020")
    components = document["components"]["schemas"]
    for schema in components.values():
        Draft202012Validator.check_schema(schema)
    targets = set(references(document))
    assert targets <= {f"#/components/schemas/{name}" for name in components}


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in references(item)]
    if not isinstance(node, dict):
        return []
    here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return here + [found for value in node.values() for found in references(value)]


@pytest.mark.parametrize("vendor", vendors())
def test_every_rule_is_told_with_its_evidence(vendor: str):
    contract = read(vendor)
    told = openapi(contract, "http://127.0.0.1:4020")["info"]["x-rules"]
    assert [rule["id"] for rule in told] == list(contract.rules)
    assert {rule["confidence"] for rule in told} <= {"documented", "observed", "sdk", "assumed"}


@pytest.mark.parametrize("vendor", vendors())
def test_the_document_is_openapi(vendor: str):
    """By a validator that is not ours."""
    assert faults(openapi(read(vendor), "http://127.0.0.1:4020")) == []


def test_a_document_that_is_none_is_told_apart():
    document = openapi(read(vendors()[0]), "http://127.0.0.1:4020")
    del document["info"]["title"]
    [fault] = faults(document)
    assert "title" in fault


def faults(document: Any) -> list[str]:
    return [fault.message for fault in OpenAPIV31SpecValidator(document).iter_errors()]


@pytest.mark.parametrize("vendor", vendors())
def test_the_document_is_json(vendor: str):
    document = openapi(read(vendor), "http://127.0.0.1:4020")
    assert json.loads(json.dumps(document)) == document


def test_a_rule_with_a_switch_tells_its_values(tmp_path):
    acme = contract(tmp_path)
    rule = Rule("a.b", "S.", "src", "2026-01-01", "assumed", Switch("choice", "x", ("x", "y")))
    acme.rules["a.b"] = rule  # type: ignore[index]  # a dict, as the reader makes it
    assert openapi(acme, "/")["info"]["x-rules"] == [
        {
            "id": "a.b",
            "sentence": "S.",
            "confidence": "assumed",
            "source": "src",
            "read": "2026-01-01",
            "switch": {"kind": "choice", "default": "x", "values": ["x", "y"]},
        }
    ]


def test_a_path_parameter_is_text_that_is_not_empty(tmp_path):
    acme = contract(tmp_path, endpoint(paths=("/send/{id}",)))
    assert operation(openapi(acme, "/"), "/send/{id}")["parameters"] == [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        }
    ]


def test_query_parameters_are_declared(tmp_path):
    acme = contract(tmp_path, endpoint(query={"debug": {"type": "boolean"}}))
    assert operation(openapi(acme, "/"))["parameters"] == [
        {"name": "debug", "in": "query", "schema": {"type": "boolean"}}
    ]


def test_a_second_spelling_has_an_id_of_its_own(tmp_path):
    document = openapi(contract(tmp_path, endpoint(paths=("/send", "/send/"))), "/")
    ids = [operation(document, path)["operationId"] for path in ("/send", "/send/")]
    assert ids == ["send", "send.2"]


def test_a_body_is_described_for_each_of_its_media_types(tmp_path):
    media = ("application/json", "text/plain", "application/x-ndjson", "text/csv")
    schema = Schema("event", {"type": "object"})
    document = openapi(contract(tmp_path, endpoint(request=schema, media=media)), "/")
    event = {"$ref": "#/components/schemas/event"}
    assert operation(document)["requestBody"] == {
        "required": True,
        "content": {
            "application/json": {"schema": event},
            "text/plain": {
                "schema": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": event,
                }
            },
            "application/x-ndjson": {
                "schema": {"type": "string", "contentMediaType": "application/x-ndjson"}
            },
            "text/csv": {"schema": {"type": "string", "contentMediaType": "text/csv"}},
        },
    }


def test_an_answer_without_content_has_none(tmp_path):
    answers = {204: "application/json", 200: "text/plain"}
    acme = contract(tmp_path, endpoint(responses={204: None, 200: None}, answers=answers))
    assert operation(openapi(acme, "/"))["responses"] == {
        "200": {"description": "OK", "content": {"text/plain": {}}},
        "204": {"description": "No Content"},
    }


def test_a_reference_between_schema_files_leads_to_a_component(tmp_path):
    event = {"type": "object", "x-rule": "acme.event"}
    batch = Schema("batch", {"items": {"$ref": "#/$defs/event"}, "$defs": {"event": event}})
    document = openapi(contract(tmp_path, endpoint(request=batch)), "/")
    assert document["components"]["schemas"] == {
        "batch": {"items": {"$ref": "#/components/schemas/event"}},
        "event": event,
    }


def test_two_definitions_of_one_name_stay_apart(tmp_path):
    one = Schema("one", {"$ref": "#/$defs/id", "$defs": {"id": {"type": "string"}}})
    two = Schema("two", {"$ref": "#/$defs/id", "$defs": {"id": {"type": "integer"}}})
    acme = contract(tmp_path, endpoint(request=one, responses={200: two}))
    assert openapi(acme, "/")["components"]["schemas"] == {
        "one": {"$ref": "#/components/schemas/id"},
        "id": {"type": "string"},
        "two": {"$ref": "#/components/schemas/two.id"},
        "two.id": {"type": "integer"},
    }


def test_a_schema_that_refers_to_itself_still_does(tmp_path):
    tree = Schema("tree", {"properties": {"left": {"$ref": "#"}}})
    document = openapi(contract(tmp_path, endpoint(request=tree)), "/")
    assert document["components"]["schemas"]["tree"] == {
        "properties": {"left": {"$ref": "#/components/schemas/tree"}}
    }


def test_every_way_to_show_a_key_is_a_security_scheme(tmp_path):
    acme = contract(tmp_path, schemes=("bearer", "raw", "basic", "header:x-api-key"))
    document = openapi(acme, "/")
    assert document["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer"},
        "raw": {"type": "apiKey", "in": "header", "name": "Authorization"},
        "basic": {"type": "http", "scheme": "basic"},
        "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    }
    assert document["security"] == [{"bearer": []}, {"raw": []}, {"basic": []}, {"x-api-key": []}]


def test_an_endpoint_tells_its_own_kind_of_key_and_its_graphql_schema(tmp_path):
    own = endpoint(auth=Auth(("header:x-key",)), sdl="type Query { a: Int }")
    document = openapi(contract(tmp_path, own), "/")
    assert operation(document)["security"] == [{"x-key": []}]
    assert operation(document)["x-graphql-schema"] == "type Query { a: Int }"
    assert set(document["components"]["securitySchemes"]) == {"bearer", "x-key"}
    assert document["security"] == [{"bearer": []}]


def test_a_key_in_the_body_makes_the_header_optional(tmp_path):
    document = openapi(contract(tmp_path, schemes=("basic", "body:writeKey")), "/")
    assert document["security"] == [{"basic": []}, {}]


def test_a_public_endpoint_needs_no_key(tmp_path):
    document = openapi(contract(tmp_path, endpoint(public=True)), "/")
    assert operation(document)["security"] == []
