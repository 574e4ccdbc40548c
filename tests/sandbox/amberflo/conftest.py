"""Amberflo alone, on a clock that stands still."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app

NOW = datetime(2026, 1, 15, 12, 0, 0, 250_000, tzinfo=UTC)
KEY = "key-1"


@dataclass
class Desk:
    """A sandbox, and one account of it."""

    sandbox: Sandbox

    @property
    def account(self) -> Account:
        return self.sandbox.accounts.open("amberflo", KEY)

    def ask(
        self, method: str, path: str, encoding: str | None = None, **options: Any
    ) -> httpx.Response:
        headers = {"x-api-key": KEY} | ({"content-encoding": encoding} if encoding else {})

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.sandbox)
            async with httpx.AsyncClient(transport=transport) as client:
                url = f"http://127.0.0.1/amberflo{path}"
                return await client.request(method, url, headers=headers, **options)

        return asyncio.run(asked())

    def billed(self) -> dict[tuple[str | None, str | None], Any]:
        return {(t.customer, t.meter): t.quantity for t in self.account.ledger.totals()}


@pytest.fixture
def open_desk() -> Callable[..., Desk]:
    """Opens a sandbox of its own; arguments are settings, by the end of their rule's id."""

    def opened(**settings: Any) -> Desk:
        named = {f"amberflo.{name}": value for name, value in settings.items()}
        options = Options(vendors=["amberflo"], source=lambda: NOW, settings=named)
        return Desk(create_app(options))

    return opened


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    return open_desk()
