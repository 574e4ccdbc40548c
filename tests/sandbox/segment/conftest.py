"""A Segment source on a clock that stands still."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app

NOW = datetime(2026, 1, 15, 12, 0, 0, 250_000, tzinfo=UTC)
KEY = "write-key-1"


@dataclass
class Source:
    """A sandbox with Segment alone, and everything that it handed to the forwarder."""

    sandbox: Sandbox
    forwarded: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def account(self, key: str = KEY) -> Account:
        return self.sandbox.accounts.open("segment", key)

    def post(self, path: str, body: Any, key: str | None = KEY, **options: Any) -> httpx.Response:
        return self.ask("POST", path, json=body, auth=(key, "") if key else None, **options)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.sandbox)
            async with httpx.AsyncClient(transport=transport) as client:
                return await client.request(method, f"http://127.0.0.1/segment{path}", **options)

        return asyncio.run(asked())


@pytest.fixture
def make_source():
    def make(**settings: Any) -> Source:
        named = {f"segment.{name}": value for name, value in settings.items()}
        options = Options(vendors=["segment"], source=lambda: NOW, settings=named)
        source = Source(create_app(options))

        def forward(account: Account, events: Any) -> None:
            source.forwarded += [(account.key, event) for event in events]

        source.sandbox.accounts.forward = forward
        return source

    return make


@pytest.fixture
def source(make_source) -> Source:
    return make_source()
