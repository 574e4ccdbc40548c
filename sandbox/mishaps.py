"""What a fault does to an answer on its way, after the request was applied."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import Send

__all__ = ["MISHAPS", "Answer"]

Header = tuple[bytes, bytes]
PIECES = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer about to be sent. `connection` is None where there is no socket; `sleep` takes
    seconds."""

    status: int
    headers: Sequence[Header]
    body: bytes
    seconds: float
    connection: Any
    sleep: Callable[[float], Awaitable[None]]

    async def send(self, send: Send, body: bytes) -> None:
        """The answer with another body, of the length it says."""
        await self._start(send, len(body))
        await send({"type": "http.response.body", "body": body})

    async def drip(self, send: Send) -> None:
        """All of it, in pieces, the first at once and the last after `seconds`."""
        size = -(-len(self.body) // PIECES) or 1
        pieces = [self.body[at : at + size] for at in range(0, len(self.body), size)] or [b""]
        await self._start(send, len(self.body))
        for number, piece in enumerate(pieces, 1):
            more = number < len(pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            if more:
                await self.sleep(self.seconds / (len(pieces) - 1))

    async def malform(self, send: Send) -> None:
        """No JSON, whatever it was: no value begins with two braces or a brace and a letter."""
        await self.send(send, b"{" + self.body[: len(self.body) // 2])

    async def empty(self, send: Send) -> None:
        await self.send(send, b"")

    async def truncate(self, send: Send) -> None:
        """Half of the body that the head promised, and then the end of the connection."""
        half = self.body[: len(self.body) // 2]
        if self.connection is None:
            await self._start(send, len(self.body))
            await send({"type": "http.response.body", "body": half, "more_body": True})
            raise ConnectionResetError("the connection ended in the middle of the answer")
        self._write(len(self.body) or 1, half)

    async def shorten(self, send: Send) -> None:
        """A head that promises half of the body, and the whole of it."""
        if self.connection is None:
            await self.send(send, self.body[: len(self.body) // 2])
        else:
            self._write(len(self.body) // 2, self.body)

    async def _start(self, send: Send, length: int) -> None:
        headers = self._headers(length)
        await send({"type": "http.response.start", "status": self.status, "headers": headers})

    def _headers(self, length: int) -> list[Header]:
        others = [header for header in self.headers if header[0] != b"content-length"]
        return [(b"content-length", str(length).encode()), *others]

    def _write(self, length: int, body: bytes) -> None:
        """Past the server, which would not let a body be other than its head says."""
        lines = [name + b": " + value for name, value in self._headers(length)]
        head = [f"HTTP/1.1 {self.status} ".encode(), *lines, b"connection: close", b"", b""]
        self.connection.write(b"\r\n".join(head) + body)
        self.connection.close()


MISHAPS: dict[str, Callable[[Answer, Send], Awaitable[None]]] = {
    "drip": Answer.drip,
    "malformed": Answer.malform,
    "empty": Answer.empty,
    "truncated": Answer.truncate,
    "wrong-length": Answer.shorten,
}
