"""A sandbox that does not do as its contract says: what a vendor might be tomorrow."""

from __future__ import annotations

import json
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DRIFTS", "Drifted"]

LOST = "A specified resource was not found."
DRIFTS = ("renamed", "status", "required", "text")


class Drifted:
    """Orb, with a field renamed, another status, a new required field and another text.

    `drifts` are those there are; without `control` it is no sandbox to whoever asks.
    """

    def __init__(
        self, app: ASGIApp, drifts: tuple[str, ...] = DRIFTS, *, control: bool = True
    ) -> None:
        self._app = app
        self.drifts = drifts
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/_meterbox"):
            await self._app(scope if self._control else {**scope, "path": "/gone"}, receive, send)
            return
        body = await _read(receive)
        if self._lacks(scope, body):
            await _answer(send, 400, [], {"status": 400, "title": "owner is required"})
            return
        told: list[Message] = []

        async def keep(message: Message) -> None:
            told.append(message)

        await self._app(scope, _once(body), keep)
        await self._changed(scope, told, send)

    def _lacks(self, scope: Scope, body: bytes) -> bool:
        asked = "required" in self.drifts and scope["method"] == "POST"
        return asked and scope["path"].endswith("/v1/metrics") and b'"owner"' not in body

    async def _changed(self, scope: Scope, told: list[Message], send: Send) -> None:
        status, headers = told[0]["status"], told[0]["headers"]
        try:
            answer = json.loads(told[1]["body"])
        except ValueError:
            for message in told:
                await send(message)
            return
        if "renamed" in self.drifts and scope["path"].endswith("/events/backfills"):
            _rename(answer, "close_time", "closed_at")
        listed = scope["method"] == "GET" and scope["path"].endswith("/customers")
        if "status" in self.drifts and listed and status == 200:
            status = 203
        if "text" in self.drifts and isinstance(answer, dict) and answer.get("title") == LOST:
            answer["title"] = "Nothing is here."
        await _answer(send, status, headers, answer)


def _rename(node: Any, old: str, new: str) -> None:
    if isinstance(node, dict):
        if old in node:
            node[new] = node.pop(old)
        for value in node.values():
            _rename(value, old, new)
    elif isinstance(node, list):
        for item in node:
            _rename(item, old, new)


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _once(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _answer(send: Send, status: int, headers: Any, answer: Any) -> None:
    body = json.dumps(answer).encode()
    kept = [(name, value) for name, value in headers if name not in (b"content-length",)]
    sized = [*kept, (b"content-length", str(len(body)).encode())]
    if not headers:
        sized.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": sized})
    await send({"type": "http.response.body", "body": body})
