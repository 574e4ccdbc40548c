"""Kana on its own, and an account that somebody subscribed in."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
Send = Callable[..., httpx.Response]
SETUP = """mutation {
  user: createUser(input: {id: "1"}) { id }
  feature: createFeature(input: {id: "messages", type: CONSUMABLE}) { id }
  package: createPackage(input: {
    id: "pro"
    features: {id: "messages", entitlement: {limit: 10, resetPeriod: MONTH}}
  }) { id }
}"""


@pytest.fixture
def sandbox() -> Sandbox:
    return create_app(Options(vendors=["kana"], source=lambda: NOW))


@pytest.fixture
def mine(sandbox: Sandbox) -> Account:
    """A fresh account, whose clock stands still at noon."""
    account = sandbox.accounts.open("kana", f"prv_test_{uuid.uuid4().hex}")
    account.clock.freeze(NOW)
    return account


@pytest.fixture
def send(sandbox: Sandbox, mine: Account) -> Send:
    """Sends a document, to the Admin API with the account's key unless it is said otherwise."""

    def send(query: str, variables: Any = None, path: str = "/kana/graphql", **more: Any) -> Any:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(app=sandbox)
            base = more.get("base_url", "http://127.0.0.1")
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                headers = {"authorization": mine.key, **more.get("headers", {})}
                body = {"query": query, "variables": variables}
                return await client.post(path, json=body, headers=headers)

        return asyncio.run(sent())

    return send


@pytest.fixture
def subscribed(send: Send, mine: Account) -> Account:
    """The account once user 1 has a package with 10 messages a month."""
    assert "errors" not in send(SETUP).json()
    mine.room.dashboard["packages"](mine, {"publish": "pro"}, mine.clock.now())
    done = send('mutation { subscribe(packageIds: ["pro"], userId: "1") { id } }')
    assert "errors" not in done.json()
    return mine
