"""Who may use the control API: with a token, who shows it; without one, this machine alone."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.reply import Reply

__all__ = ["Guard", "local", "place"]


class Guard:
    """Asks for `Authorization: Bearer <token>`; without a token, for a Host of this machine and
    an Origin that is the Host, so that a web page elsewhere can drive nothing here."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        why = self._refusal(dict(scope["headers"])) if scope["type"] == "http" else None
        if why is None:
            await self._app(scope, receive, send)
            return
        status, text = why
        reply = Reply.json({"error": text}, status)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(reply.body)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    def _refusal(self, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        if self._token is not None:
            wanted = f"Bearer {self._token}".encode()
            if hmac.compare_digest(headers.get(b"authorization", b""), wanted):
                return None
            return 401, "Show the token: Authorization: Bearer <token>."
        host = headers.get(b"host", b"").decode("latin-1")
        if not local(host):
            return 403, f"The control API answers on this machine alone, not as {host!r}."
        origin = headers.get(b"origin")
        if origin is not None and place(origin.decode("latin-1")) != host:
            return 403, "The control API takes no requests from other sites' pages."
        return None


def place(origin: str) -> str | None:
    """Host and port of an Origin; None where it is not one."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def local(host: str) -> bool:
    """Whether a Host header names this machine."""
    name = ""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
