"""Orb's official TypeScript client, unmodified, over the whole surface; needs Node.js."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from contracts.reader import read
from sandbox.account import Account
from sandbox.app import Sandbox
from sandbox.faults import Fault
from tests.running import NODE

HERE = Path(__file__).parent / "node"
pytestmark = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules" / "orb-billing").is_dir(),
    reason="needs Node.js 20 or later, and: make node",
)
REFUSED = {
    "RequestValidationError": 400,
    "ConstraintViolation": 400,
    "DuplicateResourceCreation": 400,
    "OrbAuthenticationError": 401,
    "ResourceNotFound": 404,
    "URLNotFound": 404,
    "ResourceConflict": 409,
    "RequestTooLarge": 413,
    "TooManyRequests": 429,
    "OrbInternalServerError": 500,
}
ENDPOINTS = {endpoint.name for endpoint in read("orb").endpoints}
FAULTS = {
    "ResourceConflict": Fault("in-flight"),
    "TooManyRequests": Fault("status", status=429),
    "OrbInternalServerError": Fault("status", status=500),
}


def asked(base_url: str, accounts: Mapping[str, Account]) -> Any:
    """What the client was told, by what it did with which account; in a process of its own."""
    assert NODE is not None
    walks = [
        [what, account.key, account.clock.now().isoformat()] for what, account in accounts.items()
    ]
    done = subprocess.run(
        [NODE, "walk.mjs", base_url, json.dumps(walks)],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_operation_is_walked(base_url: str, account: Account) -> None:
    assert asked(base_url, {"walk": account})["walk"] == {
        "ping": "pong",
        "customers": {
            "same": True,
            "metadata": {"a": "b"},
            "listed": ["Other", "Acme"],
            "deleted": True,
        },
        "metrics": {
            "same": True,
            "metadata": {"a": "b"},
            "status": "active",
            "listed": ["M"],
        },
        "events": {
            "ingested": {"validation_failed": []},
            "amended": "a",
            "deprecated": "b",
            "found": [["a", False, 7], ["b", True, 1]],
            "counted": True,
        },
        "backfills": {"same": True, "ingested": 1, "reverted": "reverted", "listed": 2},
    }
    walked = {exchange.endpoint for exchange in account.journal.after(0)}
    lacking = {name for name in ENDPOINTS if "webhook-endpoint" in name or "archive" in name}
    assert walked == ENDPOINTS - lacking  # the newest client, 6.11.0, does not have these


@pytest.fixture(scope="module")
def refused(base_url: str, house: Sandbox) -> Any:
    """All refusals, each of an account of its own."""
    accounts = {name: house.accounts.open("orb", uuid.uuid4().hex) for name in REFUSED}
    for name, fault in FAULTS.items():
        accounts[name].faults.add(fault)
    return asked(base_url, accounts)


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_the_error_class_of_its_type(refused: Any, name: str) -> None:
    assert refused[name] == {"error": name, "is": True, "status": REFUSED[name]}
