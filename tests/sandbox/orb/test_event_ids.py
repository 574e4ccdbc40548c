"""Events with ids of every kind, in paths percent-encoded as clients do."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from sandbox.app import Options, create_app
from tests.acme import NOW, inside

IDS = {
    "space": "a b",
    "slash": "a/b",
    "slash at the ends": "/a/",
    "encoded slash": "a%2Fb",
    "encoded twice": "a%252Fb",
    "percent": "100%",
    "query and fragment": "a?b=c#d",
    "plus": "a+b",
    "dots within": "a/../b",
    "semicolon": "a;b=c",
    "line": "a\nb",
    "nul": "a\0b",
    "backslash": "a\\b",
    "quote": 'a"b',
    "braces": "{event_id}",
    "letters of many scripts": "ключ-鍵-🔑",
    "close": "x/close",
    "deprecate": "a/deprecate",
    "search": "search",
    "volume": "volume",
    "backfills": "backfills",
    "a backfill": "backfills/x",
    "long": "k" * 4000,
}


@pytest.mark.parametrize("id", IDS.values(), ids=IDS.keys())
def test_an_event_is_found_amended_and_deprecated_by_its_id(id: str) -> None:
    asyncio.run(walk(id))


async def walk(id: str) -> None:
    event: dict[str, Any] = {
        "event_name": "api_call",
        "timestamp": "2026-01-15T11:00:00Z",
        "external_customer_id": "acme",
        "properties": {"n": 1},
    }
    sandbox = create_app(Options(vendors=["orb"], source=lambda: NOW))
    async with inside(sandbox) as client:
        client.headers["authorization"] = "Bearer k"
        new = {"name": "Acme", "email": "a@acme.test", "external_customer_id": "acme"}
        await ask(client, "POST", "/orb/v1/customers", new)
        events = {"events": [{**event, "idempotency_key": id}]}
        await ask(client, "POST", "/orb/v1/ingest", events)
        path = f"/orb/v1/events/{quote(id, safe='')}"
        amended = await ask(client, "PUT", path, {**event, "properties": {"n": 2}})
        assert amended == {"amended": id}
        assert await found(client, id) == [(id, {"n": 2}, False)]
        assert await ask(client, "PUT", f"{path}/deprecate") == {"deprecated": id}
        assert await found(client, id) == [(id, {"n": 2}, True)]


async def ask(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    answer = await client.request(method, path, json=body)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def found(client: httpx.AsyncClient, id: str) -> list[tuple[str, Any, bool]]:
    answer = await ask(client, "POST", "/orb/v1/events/search", {"event_ids": [id]})
    return [(row["id"], row["properties"], row["deprecated"]) for row in answer["data"]]


@pytest.mark.parametrize(
    "path", ["none", "%00", "a%2Fb%2Fdeprecate", "%E2%82", "%", "%zz", "..%2F"]
)
@pytest.mark.parametrize("end", ["", "/deprecate"])
def test_an_id_that_nobody_has_is_answered_404(path: str, end: str) -> None:
    async def run() -> None:
        sandbox = create_app(Options(vendors=["orb"], source=lambda: NOW))
        body = {
            "event_name": "api_call",
            "timestamp": "2026-01-15T11:00:00Z",
            "external_customer_id": "acme",
            "properties": {},
        }
        async with inside(sandbox) as client:
            client.headers["authorization"] = "Bearer k"
            url = f"/orb/v1/events/{path}{end}"
            answer = await client.put(url, json=None if end else body)
        assert answer.status_code == 404
        assert answer.json()["type"].endswith("#404-resource-not-found")

    asyncio.run(run())
