"""HTTP/1.1 as it is spoken on one connection: requests in, and what an ASGI app makes of them out.

It reads with h11, within bounds: heads of 64 KB, and a caller who says nothing for long is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import h11
from starlette.types import ASGIApp, Message, Scope

from sandbox.clock import wall
from sandbox.edge import EXTENSION
from sandbox.server import Connection

__all__ = ["Conversation", "Gone", "leave"]

LARGEST_HEAD = 64 * 1024
PIECE = 64 * 1024
PATIENCE = 60.0
"""Seconds in which a caller must say something."""
FAREWELL = 5.0
"""Seconds in which it must close its end too."""


class Gone(ConnectionError):
    """The caller is no longer there, or says nothing, or no HTTP."""


class Conversation:
    """One connection's. `scheme` is how it came."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, scheme: str = "http"
    ) -> None:
        self._reader, self._writer, self._scheme = reader, writer, scheme
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        self._head: Message = {}
        self._answered = asyncio.Event()

    @property
    def early(self) -> bytes:
        """What came behind the last request."""
        return self._h11.trailing_data[0]

    async def asked(self) -> h11.Request | None:
        """The next request; None when there is none. What is no HTTP is answered as that."""
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
        if self._h11.our_state is not h11.IDLE:
            return None
        try:
            async with asyncio.timeout(PATIENCE):  # for all of its head
                event = await self._event()
        except (Gone, TimeoutError):
            return None
        return event if isinstance(event, h11.Request) else None

    async def answer(self, app: ASGIApp, scope: Scope) -> None:
        """Have the app answer the request; what it raises is raised here."""
        self._head, self._answered = {}, asyncio.Event()
        with suppress(Gone):
            await app(scope, self._receive, self._send)
        self._answered.set()
        if self._h11.their_state is h11.SEND_BODY:
            with suppress(h11.RemoteProtocolError):
                self._h11.next_event()  # which is the end, where there is no body
        if self._h11.our_state is not h11.DONE:
            await leave(self._writer)
        elif self._h11.their_state is h11.SEND_BODY:
            await self._part()

    async def tell(self, status: int, line: str, reason: str = "") -> None:
        """Answer with one line of ours, and no more after it. `reason` is for callers who show no
        other text, as they do when there is to be no tunnel."""
        body = f"{line}\n".encode()
        headers = [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        with suppress(h11.LocalProtocolError, OSError):
            said = reason.encode("ascii", "replace") or _phrase(status)
            head = h11.Response(status_code=status, headers=headers, reason=said)
            await self._write(head, h11.Data(data=body), h11.EndOfMessage())
        await self._part()

    async def _part(self) -> None:
        """Leave a caller who may still be speaking: what is said is heard, as far as it comes soon,
        and dropped. Who is cut off would hear no answer."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                elif self._h11.their_state is not h11.SEND_BODY:
                    return
                while await self._reader.read(PIECE):
                    pass
        await leave(self._writer)

    def agree(self) -> None:
        """Say yes to a tunnel: what comes next is no longer ours."""
        sent = self._h11.send(h11.Response(status_code=200, headers=[], reason=b"Connected"))
        self._writer.write(sent or b"")

    def scope(self, request: h11.Request, target: str, host: str) -> Scope:
        """The request as ASGI has it: its target is a path and a query, at a host."""
        path, _, query = target.partition("?")
        others = [
            (name, value)
            for name, value in request.headers
            if name != b"host" and not name.startswith(b"proxy-")
        ]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": request.http_version.decode(),
            "method": request.method.decode(),
            "scheme": self._scheme,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", host.encode()), *others],
            "client": _address(self._writer.get_extra_info("peername")),
            "server": _address(self._writer.get_extra_info("sockname")),
            "extensions": {EXTENSION: Connection(self._writer.transport)},
        }

    async def _event(self) -> Any:
        """What is said next. Raises Gone."""
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as fault:
                await self.tell(fault.error_status_hint, f"meterbox: no good HTTP: {fault}")
                raise Gone from fault
            if event is not h11.NEED_DATA:
                return event
            self._h11.receive_data(await self._heard())

    async def _heard(self) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._reader.read(PIECE)
        except (OSError, TimeoutError) as fault:
            raise Gone from fault

    async def _receive(self) -> Message:
        if self._h11.they_are_waiting_for_100_continue:
            await self._write(h11.InformationalResponse(status_code=100, headers=[]))
        if self._h11.their_state is not h11.SEND_BODY:
            await self._ended()
            return {"type": "http.disconnect"}
        try:
            event = await self._event()
        except Gone:
            return {"type": "http.disconnect"}
        if isinstance(event, h11.Data):
            return {"type": "http.request", "body": bytes(event.data), "more_body": True}
        if isinstance(event, h11.EndOfMessage):
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    async def _ended(self) -> None:
        """Until the answer is given or the connection is closed."""
        waits = [asyncio.ensure_future(wait) for wait in (self._answered.wait(), self._lost())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _lost(self) -> None:
        with suppress(OSError):
            await asyncio.shield(self._writer.wait_closed())

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        said: list[Any] = []
        if self._head:
            headers = [(b"date", format_datetime(wall(), usegmt=True).encode())]
            headers += self._head.get("headers", [])
            status, self._head = self._head["status"], {}
            phrase = _phrase(status)
            said.append(h11.Response(status_code=status, headers=headers, reason=phrase))
        if message.get("body"):
            said.append(h11.Data(data=message["body"]))
        if not message.get("more_body", False):
            said.append(h11.EndOfMessage())
        await self._write(*said)

    async def _write(self, *events: Any) -> None:
        """Raises Gone."""
        self._writer.write(b"".join(self._h11.send(event) or b"" for event in events))
        try:
            async with asyncio.timeout(PATIENCE):
                await self._writer.drain()
        except (OSError, TimeoutError) as fault:
            raise Gone from fault


async def leave(writer: asyncio.StreamWriter) -> None:
    """Close a connection in good order, or else at once."""
    writer.close()
    try:
        async with asyncio.timeout(FAREWELL):
            await asyncio.shield(writer.wait_closed())
    except (OSError, TimeoutError):
        writer.transport.abort()


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


def _address(told: Any) -> Iterable[Any] | None:
    return list(told[:2]) if isinstance(told, tuple) else None
