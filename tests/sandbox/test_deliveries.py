"""The forwarder beside a sandbox: vendors that take too long, and sources that are reset."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.reader import read
from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.clock import Clock
from sandbox.deliveries import Destination, Forwarding, connect
from sandbox.faults import Fault
from sandbox.proving.hurry import hurried
from tests.running import Up
from tests.translators.forwarding.scripted import EVENT, SETTINGS, frozen, until
from tests.waiting import until as happened
from translators.forwarding.inside import Inside
from translators.forwarding.terms import Terms

Beside = tuple[Forwarding, Account, Account]
"""A forwarder, a source, and the Orb that its events go to."""


@asynccontextmanager
async def beside(*faults: Fault, timeout: float = 5.0) -> AsyncIterator[Beside]:
    sandbox = create_app(Options(source=frozen().now))
    forwarding = connect(
        sandbox.accounts,
        {"orb": Destination(SETTINGS)},
        lambda: httpx.ASGITransport(app=sandbox),
        seed=0,
        terms=Terms(),
        scale=1.0,
        timeout=timeout,
    )
    source = sandbox.accounts.open("segment", "wk")
    source.clock.freeze()
    async with asyncio.timeout(60), forwarding.forwarder:
        yield forwarding, source, vendor(sandbox, faults)


def vendor(sandbox: Sandbox, faults: tuple[Fault, ...]) -> Account:
    key = read("orb").key(read("segment").name("wk"))
    account = sandbox.accounts.open("orb", key)
    account.set("orb.ingest.unknown-external-customer", "billed")
    for fault in faults:
        account.faults.add(fault)
    return account


def outcome(forwarding: Forwarding, source: Account) -> Callable[[], Any]:
    return lambda: forwarding.told(source)[0]["outcome"]


async def retried(clock: Clock, done: Callable[[], bool]) -> None:
    while not done():
        await asyncio.sleep(0.001)
        clock.advance(timedelta(minutes=1))


def test_what_is_applied_after_its_sender_gave_up_is_sent_again_and_billed_once() -> None:
    """As over a socket: the vendor cannot know that nobody waits for its answer. Time is made up:
    however busy the machine, nobody looks too late."""

    async def run() -> Account:
        async with beside(Fault("delay", seconds=0.3), timeout=0.1) as (forwarding, source, orb):
            forwarding.accept(source, [EVENT])
            while outcome(forwarding, source)() != "retry":
                await asyncio.sleep(0.01)
            assert forwarding.told(source)[0]["code"] == "ETIMEDOUT"
            assert orb.journal.next == 1
            while orb.journal.next == 1:
                await asyncio.sleep(0.01)
            await retried(source.clock, lambda: outcome(forwarding, source)() == "delivered")
            return orb

    orb = hurried(run())
    assert [entry.outcome for entry in orb.ledger.entries()] == ["accepted", "duplicate"]
    assert orb.journal.next == 3
    assert [total.quantity for total in orb.ledger.totals()] == [1]


def test_a_source_that_is_reset_sends_and_tells_nothing_from_before() -> None:
    fault = Fault("status", status=503, times=2)

    async def run() -> int:
        async with beside(fault) as (forwarding, source, orb):
            forwarding.accept(source, [EVENT, {**EVENT, "messageId": "m-2"}])
            await until(lambda: [t["outcome"] for t in forwarding.told(source)] == ["retry"] * 2)
            forwarding.forget(source)
            assert forwarding.told(source) == []
            source.clock.advance(timedelta(hours=1))
            await forwarding.forwarder.drain()
            return orb.journal.next - 1

    assert asyncio.run(run()) == 2


class Slow(httpx.AsyncBaseTransport):
    def __init__(self, fault: Exception | None = None) -> None:
        self.fault, self.gate, self.done = fault, asyncio.Event(), False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self.gate.wait()
        self.done = True
        if self.fault is not None:
            raise self.fault
        return httpx.Response(200)


REQUEST = httpx.Request("POST", "http://127.0.0.1/")


def test_a_fault_that_nobody_waits_for_is_no_complaint() -> None:
    complaints: list[Any] = []

    async def run() -> bool:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        slow = Slow(ConnectionResetError("reset"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Inside(slow).handle_async_request(REQUEST), 0.01)
        slow.gate.set()
        await until(lambda: slow.done)
        return slow.done

    assert asyncio.run(run())
    assert complaints == []


def test_a_fault_that_is_waited_for_arrives() -> None:
    async def run() -> None:
        slow = Slow(ConnectionResetError("reset"))
        slow.gate.set()
        with pytest.raises(ConnectionResetError, match="reset"):
            await Inside(slow).handle_async_request(REQUEST)

    asyncio.run(run())


def test_what_is_under_way_ends_when_the_way_is_closed() -> None:
    async def run() -> bool:
        slow = Slow()
        inside = Inside(slow)
        asked = asyncio.ensure_future(inside.handle_async_request(REQUEST))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await inside.aclose()
        with pytest.raises(httpx.TransportError, match="stopped without an answer"):
            await asked
        return slow.done

    assert asyncio.run(run()) is False


def test_deliveries_under_way_outlive_kill_9_with_their_accounts(tmp_path: Path) -> None:
    """The event is answered, and never delivered before the kill; the journal alone would know it
    as one that was seen, and its second coming would be a duplicate of one that is nowhere."""
    name = uuid4().hex[:8]
    write_key, key = read("segment").key(name), read("amberflo").key(name)
    amberflo = f"/_meterbox/accounts/amberflo/{key}"
    event = {**EVENT, "event": "call", "timestamp": datetime.now(UTC).isoformat()}

    def told(url: str) -> Any:
        totals = httpx.get(f"{url}{amberflo}/ledger", trust_env=False).json()["totals"]
        return [(total["meter"], total["quantity"]) for total in totals]

    with Up("--data-dir", str(tmp_path)) as up, httpx.Client(base_url=up.url) as client:
        switch = {"amberflo.ingest.unknown-customer": "billed"}
        client.patch(f"{amberflo}/settings", json=switch).raise_for_status()
        client.post(f"{amberflo}/faults", json={"kind": "reset", "times": None}).raise_for_status()
        body = {"writeKey": write_key, "batch": [event]}
        assert client.post("/segment/v1/batch", json=body).json() == {"success": True}
        up.kill()
    assert write_key.encode() not in (tmp_path / "outbox.sqlite3").read_bytes()
    with Up("--data-dir", str(tmp_path)) as up, httpx.Client(base_url=up.url) as client:
        assert told(up.url) == []
        client.delete(f"{amberflo}/faults").raise_for_status()
        assert client.post("/segment/v1/batch", json=body).json() == {"success": True}
        happened(lambda: told(up.url) == [("call", 1)])
