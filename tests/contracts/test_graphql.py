"""Endpoints that execute GraphQL: schemathesis drives every operation of every schema."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import pytest
import schemathesis
from graphql import build_client_schema, build_schema, get_introspection_query, print_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql.nodes import Object, String
from schemathesis.checks import not_a_server_error
from schemathesis.generation.case import Case

from contracts import credentials
from contracts.conformance import violations
from contracts.model import Endpoint
from contracts.reader import read, vendors
from sandbox.app import Options, Sandbox, create_app
from sandbox.graph import schema

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
ENDPOINTS = [
    (vendor, endpoint)
    for vendor in vendors()
    for endpoint in read(vendor).endpoints
    if endpoint.sdl is not None
]
FIELDS = [
    pytest.param(vendor, endpoint, f"{kind.name}.{name}", id=f"{vendor}-{endpoint.name}-{name}")
    for vendor, endpoint in ENDPOINTS
    for kind in (schema(endpoint.sdl or "").query_type, schema(endpoint.sdl or "").mutation_type)
    if kind is not None
    for name in kind.fields
]
every_schema = pytest.mark.parametrize(
    ("vendor", "endpoint"), [pytest.param(v, e, id=f"{v}-{e.name}") for v, e in ENDPOINTS]
)
# What is there before: a user, whom browsers may ask as.
GIVEN = {
    "kana": """mutation {
      createFeature(input: {id: "a", type: CONSUMABLE}) { id }
      createUser(input: {id: "1"}) { id }
    }"""
}
schemathesis.graphql.scalar("JSON", st.just(Object(fields=[])) | st.text().map(String))


def headers(vendor: str, endpoint: Endpoint) -> dict[str, str]:
    key = read(vendor).key("schemathesis")
    return {**credentials.headers_for(endpoint, read(vendor), key), "x-user-id": "1"}


async def answered(app: Sandbox, vendor: str, endpoint: Endpoint, document: str) -> Any:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        path, shown = f"/{vendor}{endpoint.paths[0]}", headers(vendor, endpoint)
        return (await client.post(path, json={"query": document}, headers=shown)).json()


@cache
def loaded(vendor: str, name: str) -> tuple[Any, Sandbox]:
    """The schema as the sandbox itself tells it, by introspection."""
    endpoint = read(vendor).endpoint(name)
    app = create_app(Options(vendors=[vendor], source=lambda: NOW))
    path = f"/{vendor}{endpoint.paths[0]}"
    first = next(one for of, one in ENDPOINTS if of == vendor)
    asyncio.run(answered(app, vendor, first, GIVEN[vendor]))
    return schemathesis.graphql.from_asgi(path, app, headers=headers(vendor, endpoint)), app


@pytest.mark.parametrize(("vendor", "endpoint", "field"), FIELDS)
def test_no_document_makes_a_vendor_fail_or_answer_outside_its_contract(
    vendor: str, endpoint: Endpoint, field: str
) -> None:
    api, app = loaded(vendor, endpoint.name)
    kind, _, name = field.partition(".")

    @settings(
        max_examples=12,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[kind][name].as_strategy())
    def ask(case: Case) -> None:
        response = case.call(headers=headers(vendor, endpoint))
        case.validate_response(response, checks=[not_a_server_error])
        answer = endpoint.responses[response.status_code]
        assert answer is not None
        assert violations(response.json(), answer, rule="response") == []
        exchange = app.accounts.exchange(response.headers["x-meterbox-exchange"][0])
        assert exchange is not None
        assert (exchange.verdict == "refused") is ("errors" in response.json())
        assert exchange.verdict != "refused" or exchange.findings

    ask()


@every_schema
def test_the_schema_that_is_exported_is_the_one_that_is_served(
    vendor: str, endpoint: Endpoint
) -> None:
    app = create_app(Options(vendors=[vendor], source=lambda: NOW))
    told = asyncio.run(answered(app, vendor, endpoint, get_introspection_query()))
    served = build_client_schema(told["data"])
    assert print_schema(served) == print_schema(build_schema(endpoint.sdl or ""))
