"""A sandbox of Hyperline alone, asked without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app

NOW = datetime(2026, 1, 15, 12, 0, 0, 250_000, tzinfo=UTC)
KEY = "test_desk"


def sandbox() -> Sandbox:
    return create_app(Options(vendors=["hyperline"], source=lambda: NOW))


@dataclass
class Desk:
    """One account of a fresh sandbox, and a way to ask it."""

    sandbox: Sandbox = field(default_factory=sandbox)

    @property
    def account(self) -> Account:
        return self.sandbox.accounts.open("hyperline", KEY)

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.sandbox)
            base = "http://127.0.0.1/hyperline"
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                headers = {"authorization": f"Bearer {KEY}", **request.pop("headers", {})}
                return await client.request(method, path, headers=headers, **request)

        return asyncio.run(asked())

    def customer(self, external_id: str | None) -> str:
        answer = self.ask("POST", "/v1/customers", json={"external_id": external_id})
        assert answer.status_code == 201
        return str(answer.json()["id"])

    def billed(self) -> dict[tuple[str | None, str | None], Any]:
        totals = self.account.ledger.totals()
        return {(total.customer, total.meter): total.quantity for total in totals}


@pytest.fixture
def open_desk() -> Callable[..., Desk]:
    def opened(**switches: Any) -> Desk:
        desk = Desk()
        for name, value in switches.items():
            desk.account.set(f"hyperline.{name}", value)
        return desk

    return opened


@pytest.fixture
def desk() -> Desk:
    return Desk()
