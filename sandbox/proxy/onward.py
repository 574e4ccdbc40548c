"""Requests in the clear to hosts that they may go to, passed on as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import httpx
from starlette.types import Receive, Scope, Send

from sandbox.proxy.inward import refuse
from translators.forwarding.trust import trust

__all__ = ["Onward"]

HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization")
    + (b"proxy-authenticate", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
BAD_GATEWAY, NOT_THERE = 502, 501
PATIENCE = 60.0


class Onward:
    """Passes requests on to one URL's host. `url` is where the request was going."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(name == b"upgrade" for name, _ in scope["headers"]):
            await refuse(send, NOT_THERE, "meterbox: no websocket passes this proxy in the clear.")
            return
        trusted = trust(self._url, environment=False)
        client = httpx.AsyncClient(trust_env=False, timeout=PATIENCE, verify=trusted)
        client.headers.clear()  # what the caller did not say is not said
        async with client:
            try:
                answer = await client.send(self._request(client, scope, receive), stream=True)
            except (httpx.HTTPError, httpx.InvalidURL) as fault:
                why = " ".join(str(fault).split()) or type(fault).__name__
                line = f"meterbox: {scope['method']} {self._url} came to nothing: {why}"
                await refuse(send, BAD_GATEWAY, line)
                return
            try:
                await _passed_back(answer, send)
            finally:
                await answer.aclose()

    def _request(self, client: httpx.AsyncClient, scope: Scope, receive: Receive) -> httpx.Request:
        given = list(_passed(scope["headers"]))
        body = _body(receive) if _has_body(scope) else None
        return client.build_request(scope["method"], self._url, headers=given, content=body)


async def _passed_back(answer: httpx.Response, send: Send) -> None:
    headers = list(_passed(answer.headers.raw))
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    async for piece in answer.aiter_raw():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _passed(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    """Those that are not about this connection."""
    given = [(name.lower(), value) for name, value in headers]
    own = {
        word.strip().lower()
        for name, value in given
        if name == b"connection"
        for word in value.split(b",")
    }
    return [(name, value) for name, value in given if name not in HOP_BY_HOP | own]


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise httpx.ReadError("the caller has gone")
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return
