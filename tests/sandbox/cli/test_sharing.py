"""Two `meterbox forward` on one PostgreSQL: whichever is killed, each event is billed once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from contracts.reader import read
from sandbox.app import Sandbox, create_app
from sandbox.server import Running
from sandbox.staging import setup, take
from tests.sandbox.cli.test_forward import NAME, Forwarding, Vendors, events, forward, write
from translators.mapping import translated_vendors

pytestmark = pytest.mark.postgres
COUNT, SENT = 600, 150
FLAKY: list[dict[str, Any]] = [
    {"kind": "status", "probability": 0.1},
    {"kind": "reset", "probability": 0.05},
    {"kind": "lost-reply", "probability": 0.1},
    {"kind": "status-after", "probability": 0.05},
]


@pytest.fixture
def sandbox() -> Iterator[tuple[Sandbox, str]]:
    """Every vendor, set up for the events, and its address."""
    made = create_app()
    with Running(made) as running:
        asyncio.run(set_up(made, running.url))
        yield made, running.url


async def set_up(sandbox: Sandbox, url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for vendor in translated_vendors():
            account = sandbox.accounts.open(vendor, read(vendor).key(NAME))
            for step in setup(vendor, events(1)):
                await take(step, account, client)


def count(database: str, what: str = "*") -> int:
    with psycopg.connect(database) as db:
        [(found,)] = db.execute(f"select count({what}) from meterbox.waiting").fetchall()
        return int(found)


def test_what_a_killed_one_had_claimed_another_delivers_and_each_event_is_billed_once(
    tmp_path: Path, sandbox: tuple[Sandbox, str], database: str
) -> None:
    file = write(tmp_path / "events.ndjson", events(COUNT))
    write(tmp_path / "meterbox.toml", ["[forwarding]", "backoff_scale = 0.02"])
    _, url = sandbox
    to = ("--sandbox", url, "--config", str(tmp_path / "meterbox.toml"))
    with Vendors(url) as vendors, Forwarding("--listen", "0", *to, outbox=database) as living:
        for vendor in translated_vendors():
            for n, fault in enumerate(FLAKY):
                vendors.fault(vendor, **fault, seed=n, times=None)
        source = living.line()["sources"]["segment"]
        with Forwarding(file, *to, outbox=database) as killed:
            body = {"writeKey": read("segment").key("intake"), "batch": events(SENT, COUNT)}
            httpx.post(f"{source}/v1/batch", json=body, trust_env=False).raise_for_status()
            vendors.until(lambda: count(database, "distinct owner") == 2)
            killed.end(signal.SIGKILL)
        # What the killed one had claimed; the other may have nothing in hand at this moment.
        assert count(database, "distinct owner") >= 1
        with psycopg.connect(database) as db:  # a minute later
            # The whole table first: row by row it could wait for who waits for it.
            db.execute("lock table meterbox.waiting in exclusive mode")
            db.execute("update meterbox.waiting set lease = now()")
        assert forward(file, *to, outbox=database).returncode == 0
        vendors.until(lambda: count(database) == 0)
        assert living.end(signal.SIGTERM) == 0
        assert living.line()["waiting"] == 0
        billed = {vendor: vendors.billed(vendor) for vendor in translated_vendors()}
    assert billed == {vendor: {"call": COUNT + SENT} for vendor in translated_vendors()}
