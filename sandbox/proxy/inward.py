"""A vendor's own host as callers of the proxy find it: the sandbox, behind a look at the key."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.model import Contract
from sandbox.edge import read
from sandbox.proxy.egress import Egress, Refusal
from sandbox.reply import Reply, Request

__all__ = ["Inward", "refuse"]

FORBIDDEN, MISDIRECTED, NOT_THERE = 403, 421, 501


class Inward:
    """Hands requests for one host of a vendor to the sandbox, whose Host they keep."""

    def __init__(self, app: ASGIApp, egress: Egress, contract: Contract, host: str) -> None:
        self._app, self._egress = app, egress
        self._contract, self._host = contract, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        asked = headers[b"host"].decode("latin-1")
        if asked.partition(":")[0].rstrip(".").lower() != self._host:
            astray = f"a request for {asked!r} came on a connection to {self._host}."
            await refuse(send, MISDIRECTED, self._egress.note(astray).line)
            return
        if b"upgrade" in headers and b"websocket" in headers[b"upgrade"].lower():
            line = f"meterbox: no websocket to {self._host}: {self._contract.title} has none here."
            await refuse(send, NOT_THERE, line)
            return
        body = await read(receive)
        if body is None:
            return
        refusal = self._refusal(scope, headers, body)
        if refusal is not None:
            await refuse(send, FORBIDDEN, refusal.line)
            return
        await self._app(scope, _again(body, receive), send)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes], body: bytes) -> Refusal | None:
        """Of two headers of a name, each may be the one that counts."""
        url = f"{scope['scheme']}://{self._host}{scope['raw_path'].decode()}"
        others = [{name: value} for name, value in scope["headers"] if headers[name] != value]
        for other in ({}, *others):
            found = {**headers, **other}
            request = Request(scope["method"], scope["path"], headers=found, body=body)
            refusal = self._egress.live_key(self._contract, request, url)
            if refusal is not None:
                return refusal
        return None


async def refuse(send: Send, status: int, line: str) -> None:
    """Answer with one line of ours."""
    reply = Reply.text(f"{line}\n", status)
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(reply.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _again(body: bytes, receive: Receive) -> Receive:
    """Tells a body that was read, and then what comes."""
    told = False

    async def tell() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return tell
