"""The proxy itself: who calls, where to, and what becomes of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

import h11
from starlette.types import ASGIApp

from sandbox.proxy.authority import Authority
from sandbox.proxy.conversation import Conversation, leave
from sandbox.proxy.egress import Egress, Place, Refusal, place
from sandbox.proxy.inward import Inward
from sandbox.proxy.onward import Onward
from sandbox.proxy.tunnel import Streams, bore, tunnel

__all__ = ["Proxy"]

PORTS = {"http": 80, "https": 443}
HANDSHAKE = 20.0
NO_SITE = (
    "meterbox: this is a proxy, for HTTPS_PROXY and HTTP_PROXY; `meterbox up` says where the "
    "sandbox itself is."
)
AT_ONCE = 1000
"""Connections that are served at the same time; more are told to come again."""


class Proxy:
    """Serves on a listening socket while it is open: `async with Proxy(...)`.

    Vendors' hosts lead to `app`, over TLS by the `authority`.
    """

    def __init__(
        self, app: ASGIApp, egress: Egress, authority: Authority, listening: socket.socket
    ) -> None:
        self._app, self._egress, self._authority = app, egress, authority
        self._socket = listening
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[Any]] = set()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._met, sock=self._socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        self._calls.add(call)
        try:
            try:
                await self._served((reader, writer))
            finally:
                await leave(writer)
        except asyncio.CancelledError:
            writer.transport.abort()  # the proxy closes
        finally:
            self._calls.discard(call)

    async def _served(self, streams: Streams) -> None:
        talk = Conversation(*streams)
        if len(self._calls) > AT_ONCE:
            await talk.tell(503, "meterbox: too many connections at once; come again.")
            return
        while (request := await talk.asked()) is not None:
            if request.method == b"CONNECT":
                await self._connect(talk, streams, request.target.decode())
                return
            await self._forward(talk, request)

    async def _connect(self, talk: Conversation, streams: Streams, target: str) -> None:
        """A tunnel: to a vendor's host it ends here, to another host there."""
        at = place(target)
        if at is None:
            await talk.tell(400, f"meterbox: CONNECT {target!r} names no host and port.")
            return
        contract = self._egress.vendor(at.host)
        if contract is not None:
            inward = Inward(self._app, self._egress, contract, at.host)
            await self._end_here(talk, streams, at, inward)
        elif self._egress.passes(at.host):
            await self._pass(talk, streams, at)
        else:
            await _refuse(talk, self._egress.refuse("CONNECT", at), at)

    async def _end_here(
        self, talk: Conversation, streams: Streams, at: Place, app: ASGIApp
    ) -> None:
        if talk.early:
            await talk.tell(400, "meterbox: words came before there was a tunnel for them.")
            return
        scheme, context = "http", self._authority.context(at.host)
        # Nothing is awaited from here until TLS has begun: no byte of it is taken for another.
        talk.agree()
        if at.port != PORTS["http"]:
            try:
                await streams[1].start_tls(context, ssl_handshake_timeout=HANDSHAKE)
            except (OSError, ssl.SSLError):
                return  # who does not trust the authority says so at the other end
            scheme = "https"
        inside = Conversation(*streams, scheme=scheme)
        while (request := await inside.asked()) is not None:
            target = request.target.decode()
            if request.method == b"CONNECT":
                await inside.tell(400, f"meterbox: no tunnel leads through {at.host}.")
                return
            if not target.startswith("/"):
                target = _path(_split(target))
            host = dict(request.headers).get(b"host", at.host.encode()).decode("latin-1")
            await inside.answer(app, inside.scope(request, target, host))

    async def _pass(self, talk: Conversation, streams: Streams, at: Place) -> None:
        try:
            far = await bore(at)
        except (OSError, TimeoutError) as fault:
            why = str(fault) or "no answer"
            await talk.tell(502, f"meterbox: CONNECT {at} came to nothing: {why}", "Bad Gateway")
            return
        talk.agree()
        await tunnel(streams, far, talk.early)

    async def _forward(self, talk: Conversation, request: h11.Request) -> None:
        """A request in the clear, which names its host itself."""
        target = _split(request.target.decode())
        authority = target.netloc.rpartition("@")[2]
        at = place(authority, PORTS.get(target.scheme))
        if at is None or target.scheme not in PORTS:
            await talk.tell(400, NO_SITE)
            return
        contract = self._egress.vendor(at.host)
        if contract is not None:
            app: ASGIApp = Inward(self._app, self._egress, contract, at.host)
        elif self._egress.passes(at.host):
            app = Onward(urlunsplit((target.scheme, _netloc(at, authority), *target[2:4], "")))
        else:
            method = request.method.decode()
            await _refuse(talk, self._egress.refuse(method, at), at)
            return
        await talk.answer(app, talk.scope(request, _path(target), authority))


async def _refuse(talk: Conversation, refusal: Refusal, at: Place) -> None:
    reason = f"Forbidden: meterbox lets nothing leave this machine for {at.host}"
    await talk.tell(403, refusal.line, reason)


def _netloc(at: Place, authority: str) -> str:
    """Where a request goes on to. This machine's names mean it whatever somebody else answers."""
    return f"localhost:{at.port}" if at.host.endswith(".localhost") else authority


def _split(target: str) -> SplitResult:
    """A URL in its parts, or parts of nothing where it is none."""
    try:
        return urlsplit(target)
    except ValueError:
        return urlsplit("")


def _path(url: SplitResult) -> str:
    """What a URL asks of its host."""
    return (url.path or "/") + (f"?{url.query}" if url.query else "")
