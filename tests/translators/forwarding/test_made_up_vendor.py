"""A vendor nobody wrote for, whose events become two requests each: all of them or none."""

import asyncio
import importlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from contracts import reader
from tests.translators.forwarding.scripted import EVENT, Scripted, answer, frozen, until
from translators.forwarding.delivery import Target
from translators.forwarding.outbox import Delivery
from translators.forwarding.outcome import Delivered, Filtered, Retry
from translators.forwarding.worker import Destination, Forwarder

CONTRACT = {
    "title": "Twice",
    "role": "billing",
    "checked": "2026-01-01",
    "hosts": [],
    "auth": {"schemes": ["header:x-key"]},
    "example": {},
    "endpoints": [
        {
            "name": "take",
            "method": "POST",
            "paths": ["/take"],
            "summary": "Take",
            "rule": "twice.take",
            "responses": {"200": {}},
        }
    ],
}
SETTINGS = """
from dataclasses import dataclass

@dataclass
class Settings:
    times: int = 2
"""
MAPPING = """
from translators.request import Translation, VendorRequest

def translate(event, settings):
    numbers = range(settings.times)
    paths = [f"/take/{n}" for n in numbers]
    return Translation(tuple(VendorRequest("twice", "take", "POST", path, {}) for path in paths))
"""


@pytest.fixture
def _vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    files = {
        "contracts/twice/contract.json": json.dumps(CONTRACT),
        "contracts/twice/rules.json": "[]",
        "translators/twice/__init__.py": "",
        "translators/twice/settings.py": SETTINGS,
        "translators/twice/mapping.py": MAPPING,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for package in reader.PACKAGES:
        module = importlib.import_module(package)
        monkeypatch.setattr(module, "__path__", list(module.__path__))
    reader.add_vendors(tmp_path)
    yield
    reader.read.cache_clear()
    for name in [name for name in sys.modules if name.startswith("translators.twice")]:
        del sys.modules[name]


def forwarder(vendor: Any, clock: Any, **settings: Any) -> Forwarder:
    transport = httpx.ASGITransport(app=vendor)
    destination = Destination("twice", settings, lambda _: Target("http://v.test", "k", transport))
    return Forwarder(
        [destination], lambda _, length: clock.sleep(length), lambda _: clock.now(), Random(1)
    )


async def settled(made: Forwarder) -> Delivery:
    made.accept("wk", EVENT)
    await made.drain()
    return made.deliveries("wk")[0]


@pytest.mark.usefixtures("_vendor")
def test_an_event_is_delivered_once_all_its_requests_are() -> None:
    vendor = Scripted(answer(200))

    async def run() -> Delivery:
        async with asyncio.timeout(10), forwarder(vendor, frozen()) as made:
            return await settled(made)

    delivery = asyncio.run(run())
    assert (delivery.outcome, delivery.sent, len(delivery.attempts)) == (Delivered(), 2, 2)
    assert vendor.paths == ["/take/0", "/take/1"]
    assert vendor.headers[0]["x-key"] == "k"


@pytest.mark.usefixtures("_vendor")
def test_a_retry_begins_with_the_request_that_failed() -> None:
    vendor = Scripted(answer(200), answer(503), answer(200))
    clock = frozen()

    async def run() -> Delivery:
        async with asyncio.timeout(10), forwarder(vendor, clock) as made:
            made.accept("wk", EVENT)
            await until(lambda: isinstance(made.deliveries("wk")[0].outcome, Retry))
            clock.advance(made.deliveries("wk")[0].wait)
            await made.drain()
            return made.deliveries("wk")[0]

    assert asyncio.run(run()).outcome == Delivered()
    assert vendor.paths == ["/take/0", "/take/1", "/take/1"]


@pytest.mark.usefixtures("_vendor")
def test_after_a_dead_request_the_rest_are_not_sent() -> None:
    vendor = Scripted(answer(400, {"message": "no"}))

    async def run() -> Delivery:
        async with asyncio.timeout(10), forwarder(vendor, frozen()) as made:
            return await settled(made)

    assert asyncio.run(run()).reason == "400: no"
    assert vendor.paths == ["/take/0"]


@pytest.mark.usefixtures("_vendor")
def test_closing_between_two_requests_begins_no_second() -> None:
    vendor = Scripted(answer(200))
    vendor.gate = gate = asyncio.Event()

    async def run() -> Delivery:
        async with asyncio.timeout(10), forwarder(vendor, frozen()) as made:
            made.accept("wk", EVENT)
            await until(lambda: vendor.under_way == 1)
            closing = asyncio.ensure_future(made.close())
            await asyncio.sleep(0)
            gate.set()
            await closing
            return made.deliveries("wk")[0]

    delivery = asyncio.run(run())
    assert (delivery.settled, delivery.sent) == (False, 1)
    assert vendor.paths == ["/take/0"]


@pytest.mark.usefixtures("_vendor")
def test_an_event_that_becomes_nothing_is_filtered_at_the_mapping() -> None:
    async def run() -> Delivery:
        async with asyncio.timeout(10), forwarder(Scripted(answer(200)), frozen(), times=0) as made:
            return await settled(made)

    outcome = asyncio.run(run()).outcome
    assert outcome == Filtered("nothing of it is for this vendor", "NO_MATCHING_MAPPING")


@pytest.mark.usefixtures("_vendor")
def test_between_two_requests_of_an_event_nobody_else_takes_it_up() -> None:
    vendor = Scripted(answer(200))

    async def uneven(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(len(vendor.paths) % 7 * 5):
            await asyncio.sleep(0)
        await vendor(scope, receive, send)

    async def run() -> None:
        async with asyncio.timeout(10), forwarder(uneven, frozen()) as made:
            made.take("wk", [{**EVENT, "messageId": f"m-{n}"} for n in range(40)])
            await made.drain()

    asyncio.run(run())
    assert Counter(vendor.paths) == {"/take/0": 40, "/take/1": 40}
