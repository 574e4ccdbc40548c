"""Runs the sandbox on a real port."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from collections.abc import Callable, Coroutine
from threading import Thread
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contracts.model import MeterboxError
from sandbox.edge import EXTENSION

__all__ = ["PortTaken", "Running", "Server", "listen"]

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class PortTaken(MeterboxError):
    def __init__(self, host: str, port: int, why: OSError, option: str = "--port") -> None:
        super().__init__(
            f"Cannot listen on {host}:{port}: {why.strerror or why}. "
            f"Choose another with {option}, or let {option} 0 find a free one."
        )


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """A listening socket; port 0 finds a free one. `option` is how the port was chosen. Raises
    PortTaken."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as fault:
        raise PortTaken(host, port, fault, option) from fault
    # Connections inherit it. Head and body of an answer are two writes; without this, the second
    # waits 40 ms for a client that acknowledges late.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class Connection:
    """What a fault may do to the connection a request came on."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def abort(self) -> None:
        """Reset the connection: the caller sees ECONNRESET."""
        peer = self._transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    def write(self, sent: bytes) -> None:
        """Send bytes as they are."""
        self._transport.write(sent)

    def close(self) -> None:
        """Close the connection in good order, without more of an answer."""
        self._transport.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed from here."""
        return bool(self._transport.is_closing())


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol, lending each request the connection it came on."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: Any = {EXTENSION: Connection(self.transport)}
        self.scope["extensions"] = extensions


class Server(uvicorn.Server):
    """A uvicorn server for `app`, and quiet.

    `alone` says that the process is the server's: the garbage collector is then set up for many
    small objects that live long. `leaving` is called before it waits for open requests to end.
    Without `dated` an answer has no Date but the application's own.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        alone: bool = False,
        leaving: Callable[[], None] | None = None,
        dated: bool = True,
    ) -> None:
        self._alone, self._leaving = alone, leaving
        config = uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=dated,
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._alone:
            # What is loaded stays; what requests leave behind is journal, which lives long too.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 100)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._leaving is not None:
            self._leaving()
        await super().shutdown(sockets)


class Running:
    """A server in a thread of this process, for tests: `with Running(app) as server:`. An app that
    has a `leave` is told when it ends."""

    def __init__(
        self, app: ASGIApp, host: str = "127.0.0.1", port: int = 0, *, dated: bool = True
    ) -> None:
        self._socket = listen(host, port)
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        # Who still reads a stream would have it wait.
        self._server = Server(app, leaving=getattr(app, "leave", None), dated=dated)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = Thread(target=self._run, name="meterbox", daemon=True)

    def wait(self, work: Coroutine[Any, Any, None], seconds: float) -> None:
        """Have the server's own loop do some work, and wait for it. Raises TimeoutError."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket])

    def __enter__(self) -> Running:
        self._thread.start()  # the socket listens already: a request waits, and is not refused
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
