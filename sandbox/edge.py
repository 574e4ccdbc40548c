"""A vendor's paths, as ASGI has them: reads the request, has it carried out, sends the answer."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from sandbox.body import LARGEST
from sandbox.exchange import Desk, Lost
from sandbox.journal import Exchange
from sandbox.mishaps import MISHAPS, Answer
from sandbox.paths import Place
from sandbox.reply import Headers, Request
from sandbox.spread import MISDIRECTED, Elsewhere, owner, taken

__all__ = ["EXTENSION", "Edge", "read"]

EXTENSION = "meterbox.connection"
"""The ASGI extension with which the server lets a fault reset or close the connection."""


class Edge:
    """Where the requests for one vendor come in."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def __call__(self, place: Place, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read(receive)
        if body is None:
            return
        try:
            exchange = await self._performed(place, scope, body)
        except Lost as lost:
            await _disconnect(scope, receive, reset=lost.reset)
            return
        except Elsewhere as other:
            await _answer(MISDIRECTED, other.headers, b"", send)
            return
        headers = _headers(exchange, self.desk.room.always)
        fault, connection = exchange.fault, scope.get("extensions", {}).get(EXTENSION)
        body = b"" if scope["method"] == "HEAD" else exchange.reply.body
        if fault is None or fault.kind not in MISHAPS or not body:  # nothing can befall no body
            await _answer(exchange.reply.status, headers, body, send)
            return
        answer = Answer(
            exchange.reply.status, headers, body, fault.seconds, connection, self.desk.sleep
        )
        await MISHAPS[fault.kind](answer, send)
        if connection is not None and connection.closed:
            await _gone(receive)

    async def _performed(self, place: Place, scope: Scope, body: bytes) -> Exchange:
        """The request, carried out. Raises Lost, or Elsewhere when it is another process's."""
        headers = dict(scope["headers"])
        hint = taken(headers)
        request = Request(
            scope["method"], place.path, scope["query_string"], headers, body, place.params
        )
        if hint is not None:
            found = self.desk.credential_of(request, place.methods.get(request.method))
            hint.settle(owner(self.desk.room.contract, found))
        return await self.desk.perform(request, place.methods)


async def read(receive: Receive) -> bytes | None:
    """The whole body; one byte more than the largest when it is larger; None when cut off."""
    message = await receive()
    if message["type"] != "http.request":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] != "http.request":
            return None
        if size <= LARGEST:
            parts.append(message.get("body", b""))
            size += len(parts[-1])
    return b"".join(parts)[: LARGEST + 1]


def _headers(exchange: Exchange, always: Headers) -> list[tuple[bytes, bytes]]:
    reply = exchange.reply
    headers = [
        (b"content-length", str(len(reply.body)).encode()),
        (b"x-meterbox-exchange", exchange.id.encode()),
        *always,
        *reply.headers,
    ]
    if reply.media is not None:
        headers.append((b"content-type", reply.media.encode()))
    if reply.status in (204, 304):
        del headers[0]
    return headers


async def _answer(status: int, headers: list[tuple[bytes, bytes]], body: bytes, send: Send) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _disconnect(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """Leave the caller without an answer. Where there is no socket, raise what one would."""
    connection = scope.get("extensions", {}).get(EXTENSION)
    if connection is None:
        raise ConnectionResetError("the connection was reset" if reset else "no answer came")
    connection.abort() if reset else connection.close()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
