"""Orb on a real socket, and an account of its own for each test, at noon."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.server import Running


@pytest.fixture(scope="session")
def house() -> Sandbox:
    return create_app(Options(vendors=["orb"]))


@pytest.fixture(scope="session")
def base_url(house: Sandbox) -> Iterator[str]:
    with Running(house) as server:
        yield f"{server.url}/orb/v1"


@pytest.fixture
def account(house: Sandbox) -> Account:
    found = house.accounts.open("orb", uuid.uuid4().hex)
    found.clock.freeze(datetime(2026, 1, 15, 12, tzinfo=UTC))
    return found
