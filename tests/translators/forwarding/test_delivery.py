"""One try: the request as the vendor sees it, and every way the network can fail."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from inspect import signature
from typing import Any

import httpx
import pytest

from tests.translators.forwarding.scripted import NOW, Scripted, answer
from translators.forwarding.delivery import Attempt, Courier, Target
from translators.forwarding.outcome import Dead, Delivered, Retry
from translators.request import VendorRequest

REQUEST = VendorRequest("orb", "ingest", "POST", "/v1/ingest", {"events": []}, "m-1")
NOWHERE = "http://127.0.0.1:1"


@asynccontextmanager
async def courier(timeout: float = 5.0) -> AsyncIterator[Courier]:
    courier = Courier(timeout)
    try:
        yield courier
    finally:
        await courier.close()


def attempt(
    app: Any = None, *, timeout: float = 5.0, base_url: str = "http://v.test/orb/", key: str = "k"
) -> Attempt:
    async def tried() -> Attempt:
        transport = httpx.ASGITransport(app=app) if app is not None else None
        async with courier(timeout) as sender:
            target = Target(base_url, key, transport)
            return await sender.deliver(REQUEST, target, at=NOW, waited=timedelta(seconds=3))

    return asyncio.run(tried())


def test_a_request_carries_the_vendors_credential_and_json() -> None:
    vendor = Scripted(answer(200))
    attempt(vendor, key="secret")
    assert vendor.paths == ["/orb/v1/ingest"]
    assert vendor.bodies == [{"events": []}]
    assert vendor.headers[0]["authorization"] == "Bearer secret"
    assert vendor.headers[0]["content-type"] == "application/json"


def test_an_attempt_tells_time_wait_line_status_answer_and_exchange() -> None:
    told = attempt(Scripted(answer(200, {"ok": 1}, X_Meterbox_Exchange="orb-1-1")))
    assert told == Attempt(
        at=NOW,
        waited=timedelta(seconds=3),
        line="POST http://v.test/orb/v1/ingest",
        outcome=Delivered(),
        status=200,
        excerpt='{"ok": 1}',
        exchange="orb-1-1",
    )


@pytest.mark.parametrize("user", ["meter:secret@", "secret@", "a@b:secret@"])
def test_an_attempt_does_not_tell_the_password_of_an_address(user: str) -> None:
    told = attempt(Scripted(answer(200)), base_url=f"http://{user}v.test:80/orb/")
    assert told.line == "POST http://v.test:80/orb/v1/ingest"


def test_a_success_the_vendors_contract_does_not_name_is_no_success() -> None:
    assert isinstance(attempt(Scripted(answer(202))).outcome, Retry)


def test_a_redirect_is_not_followed() -> None:
    vendor = Scripted(answer(307, location="http://elsewhere.test/"))
    assert attempt(vendor).outcome == Dead("307: {}", "307")
    assert len(vendor.bodies) == 1


def test_no_answer_in_time_is_retried() -> None:
    """Rule segment.delivery.retry."""
    vendor = Scripted(answer(200))

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)
        await vendor(scope, receive, send)

    told = attempt(slow, timeout=0.02)
    assert told.outcome == Retry(None, "no answer within 0.02 s", "ETIMEDOUT")


def test_a_try_may_take_five_seconds() -> None:
    """Rule segment.delivery.waits."""
    assert signature(Courier).parameters["timeout"].default == 5


@pytest.mark.parametrize("fault", [ConnectionResetError("reset"), OSError("reset")])
def test_a_connection_that_breaks_is_retried(fault: Exception) -> None:
    """Rule segment.delivery.retry."""
    assert attempt(Scripted(fault)).outcome == Retry(None, "reset", "ECONNRESET")


def test_a_refused_connection_is_retried() -> None:
    outcome = attempt(base_url=NOWHERE).outcome
    assert isinstance(outcome, Retry)
    assert outcome.code == "EREFUSED"


def test_a_name_that_is_not_found_is_retried() -> None:
    fault = OSError("no such name")
    fault.__cause__ = socket.gaierror(-2, "Name or service not known")
    assert attempt(Scripted(fault)).outcome == Retry(None, "no such name", "ENOTFOUND")


@pytest.mark.parametrize(
    ("base_url", "key"),
    [
        ("127.0.0.1:1", "secret"),
        ("ftp://127.0.0.1", "secret"),
        ("http://127.0.0.1:port", "secret"),
        (NOWHERE, "schlüssel-secret"),
    ],
)
def test_an_address_or_key_that_cannot_be_used_is_dead_and_not_told(
    base_url: str, key: str
) -> None:
    outcome = attempt(base_url=base_url, key=key).outcome
    assert isinstance(outcome, Dead)
    assert outcome.code == "INVALID_SETTINGS"
    assert "secret" not in outcome.reason


def test_of_a_huge_answer_only_the_beginning_is_read() -> None:
    sent = 0

    class Stream(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += 1
                yield b"x" * 16_384

    class Endless(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(400, stream=Stream())

    async def tried() -> Attempt:
        async with courier() as sender:
            target = Target("http://v.test", "k", Endless())
            return await sender.deliver(REQUEST, target, at=NOW, waited=timedelta())

    assert asyncio.run(tried()).excerpt == "x" * 499 + "…"
    assert sent == 4


def test_an_answer_that_cannot_be_unzipped_is_judged_by_its_status() -> None:
    vendor = Scripted((503, {"content-encoding": "gzip"}, b"no gzip"))
    assert attempt(vendor).outcome == Retry(None, "503: (no body)", "503")


def test_targets_in_one_place_share_a_connection_whatever_their_keys() -> None:
    opened = 0
    seen: list[bytes] = []
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                seen.extend(n for n in head.split(b"\r\n") if n.startswith(b"authorization"))
                await reader.readexactly(len(b'{"events":[]}'))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        except asyncio.IncompleteReadError:
            writer.close()
            await writer.wait_closed()
            gone.set()

    async def both() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with courier() as sender:
                for key in ("one", "other"):
                    target = Target(f"http://127.0.0.1:{port}", key)
                    told = await sender.deliver(REQUEST, target, at=NOW, waited=timedelta())
                    assert told.outcome == Delivered()
            await gone.wait()

    asyncio.run(both())
    assert opened == 1
    assert seen == [b"authorization: Bearer one", b"authorization: Bearer other"]


def test_a_closed_courier_closes_its_transport() -> None:
    class Transport(httpx.ASGITransport):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    async def run() -> bool:
        transport = Transport(app=Scripted(answer(200)))
        async with courier() as sender:
            target = Target("http://v.test", "k", transport)
            await sender.deliver(REQUEST, target, at=NOW, waited=timedelta())
        return transport.closed

    assert asyncio.run(run())


def test_a_target_does_not_show_its_key() -> None:
    assert repr(Target("http://v.test", "secret")) == "Target(base_url='http://v.test')"
