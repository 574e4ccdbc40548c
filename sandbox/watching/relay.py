"""Passes requests on and answers back, byte for byte, and keeps what can be looked at afterwards.

Headers about the connection itself stay behind (RFC 9110, 7.6.1), and Host is the upstream's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send

from sandbox.body import LARGEST
from sandbox.clock import Wall, wall
from sandbox.edge import EXTENSION
from sandbox.paths import sent
from sandbox.reply import Reply
from sandbox.verifying.calling import Routes
from translators.forwarding.trust import trust

__all__ = ["FAILED", "Kept", "Passed", "Relay"]

HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization")
    + (b"proxy-authenticate", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
FAILED = "x-meterbox-watch"
"""The header of an answer that is ours, for want of the upstream's."""
PATIENCE = 120.0
BAD_GATEWAY, NOT_THERE = 502, 501

Headers = list[tuple[bytes, bytes]]


@dataclass
class Kept:
    """A body as it passes by, as long as it is no larger than what can be checked."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.whole:
            self.parts.append(piece)
        else:
            self.parts.clear()

    @property
    def whole(self) -> bool:
        return self.size <= LARGEST

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)


@dataclass
class Passed:
    """A request that was passed on, and what came back. `failed` is why nothing did, or not all."""

    method: str
    path: str
    query: bytes
    headers: Headers
    at: datetime
    request: Kept = field(default_factory=Kept)
    status: int = 0
    answered: Headers = field(default_factory=list)
    answer: Kept = field(default_factory=Kept)
    failed: str = ""
    milliseconds: float = 0.0


class Relay:
    """An ASGI application before the upstreams. `seen` is told of each exchange once it is over."""

    def __init__(
        self, routes: Routes, seen: Callable[[Passed], None], *, wall: Wall = wall
    ) -> None:
        self._routes, self._seen, self._wall = routes, seen, wall
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(keepalive_expiry=2.0), verify=trust(*routes.addresses.values())
        )

    @asynccontextmanager
    async def lifespan(self, _: object = None) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self._transport.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, path = monotonic(), sent(scope)
        headers: Headers = list(scope["headers"])
        passed = Passed(scope["method"], path, scope["query_string"], headers, self._wall())
        try:
            await self._pass(passed, scope, receive, send)
        except Exception as fault:
            passed.failed = passed.failed or " ".join(str(fault).split()) or type(fault).__name__
            await _break_off(scope, receive)
        finally:
            passed.milliseconds = round((monotonic() - began) * 1000, 1)
            self._seen(passed)

    async def _pass(self, passed: Passed, scope: Scope, receive: Receive, send: Send) -> None:
        url = self._routes.url(passed.path)
        if any(name == b"upgrade" for name, _ in passed.headers):
            await _refuse(passed, send, NOT_THERE, "a connection is not upgraded here")
            return
        body = _tee(receive, passed.request) if _has_body(scope) else None
        try:
            answer = await self._transport.handle_async_request(_request(url, scope, body))
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            why = " ".join(str(fault).split()).rstrip(".") or type(fault).__name__
            await _refuse(passed, send, BAD_GATEWAY, f"nothing came back from {_place(url)}: {why}")
            return
        passed.status, passed.answered = answer.status_code, list(_ends(answer.headers.raw))
        start = {"type": "http.response.start", "status": answer.status_code}
        try:
            await send({**start, "headers": passed.answered})
            assert isinstance(answer.stream, httpx.AsyncByteStream)
            async for piece in answer.stream:
                passed.answer.add(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.aclose()


def _request(url: str, scope: Scope, body: AsyncIterator[bytes] | None) -> httpx.Request:
    """The request as it came, but for where it goes."""
    at = httpx.URL(url)
    headers = [pair for pair in _ends(scope["headers"]) if pair[0] != b"host"]
    made = httpx.Request(scope["method"], at, headers=headers, content=body)
    base = at.raw_path.partition(b"?")[0]
    raw: bytes = scope.get("raw_path") or base
    # As it was sent: a URL that is taken apart and put together may be spelled otherwise.
    ours, path = sent(scope).encode(), base
    if path.endswith(ours):
        path = path.removesuffix(ours) + raw
    target = path + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), PATIENCE)
    made.extensions = {"target": target, "timeout": timeout}
    return made


def _ends(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Those that are not about one connection."""
    given = [(name.lower(), value) for name, value in headers]
    named = [value for name, value in given if name == b"connection"]
    own = {word.strip().lower() for value in named for word in value.split(b",")}
    return [(name, value) for name, value in given if name not in HOP_BY_HOP | own]


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _tee(receive: Receive, kept: Kept) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise httpx.ReadError("the caller has gone")
        piece, more = message.get("body", b""), message.get("more_body", False)
        kept.add(piece)
        yield piece


async def _refuse(passed: Passed, send: Send, status: int, why: str) -> None:
    """An answer of ours, which says so."""
    passed.failed = why
    told = {"error": f"meterbox watch, and not the vendor: {why}."}
    reply = Reply.json(told, status)
    headers: Any = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(reply.body)).encode()),
        (FAILED.encode(), b"no-answer"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _break_off(scope: Scope, receive: Receive) -> None:
    """What was cut short at one end is cut short at the other."""
    connection = scope.get("extensions", {}).get(EXTENSION)
    if connection is not None:
        connection.abort()
        with suppress(Exception):
            while (await receive())["type"] != "http.disconnect":
                pass


def _place(url: str) -> str:
    at = httpx.URL(url)
    return f"{at.scheme}://{at.netloc.decode()}"
