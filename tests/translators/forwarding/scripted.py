"""A vendor that answers what a test tells it to, and the forwarder that delivers to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send

from sandbox.clock import Clock
from translators.forwarding.delivery import Target
from translators.forwarding.outbox import Outbox
from translators.forwarding.worker import Destination, Forwarder, Terms

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
SETTINGS = {"externalCustomerIdField": "userId", "propertiesMappingFields": {"amount": "amount"}}
EVENT = {
    "type": "track",
    "event": "payment_confirmed",
    "userId": "acme",
    "messageId": "m-1",
    "timestamp": "2026-01-15T11:59:00.000Z",
    "properties": {"amount": 12.5},
}
Answer = tuple[int, dict[str, str], bytes] | Exception


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    raw = b"{}" if body is None else json.dumps(body).encode()
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, raw


class Scripted:
    """Answers its script in order, and the last of it forever; keeps what it was sent."""

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.bodies: list[Any] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.gate: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.bodies.append(json.loads((await receive())["body"]))
        self.paths.append(scope["path"])
        self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(0)
            if self.gate is not None:
                await self.gate.wait()
            await self._answer(send)
        finally:
            self.under_way -= 1

    async def _answer(self, send: Send) -> None:
        told = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(told, Exception):
            raise told
        status, headers, body = told
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    @property
    def keys(self) -> list[str]:
        return [body["events"][0]["idempotency_key"] for body in self.bodies]


@asynccontextmanager
async def forwarding(
    app: Any,
    clock: Clock,
    *,
    settings: dict[str, Any] | None = None,
    concurrency: int = 4,
    scale: float = 1.0,
    terms: Terms | None = None,
    batching: bool = False,
    outbox: Outbox | None = None,
    base_url: str = "http://vendor.test/orb",
    key: Callable[[str], str] = lambda origin: f"key-of-{origin}",
) -> AsyncIterator[Forwarder]:
    """A forwarder to Orb, `app` in this process or else at `base_url`; all origins on `clock`."""
    transport = httpx.ASGITransport(app=app) if app is not None else None
    destination = Destination(
        "orb",
        SETTINGS if settings is None else settings,
        lambda origin: Target(base_url, key(origin), transport),
    )
    async with (
        asyncio.timeout(60),
        Forwarder(
            [destination],
            lambda _, length: clock.sleep(length),
            lambda _: clock.now(),
            Random(7),
            terms=terms or Terms(concurrency),
            scale=scale,
            batching=batching,
            outbox=outbox,
        ) as forwarder,
    ):
        yield forwarder


def frozen(at: datetime = NOW) -> Clock:
    clock = Clock()
    clock.freeze(at)
    return clock


async def until(holds: Callable[[], bool]) -> None:
    """Let the others run until something holds; the forwarder's own time limit ends the wait."""
    while not holds():
        await asyncio.sleep(0)
