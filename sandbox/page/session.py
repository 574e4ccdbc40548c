"""Who has shown the token in a browser: a cookie that proves it and does not hold it."""

from __future__ import annotations

import hmac
from datetime import timedelta
from hashlib import sha256

from starlette.requests import HTTPConnection
from starlette.responses import Response

from sandbox.clock import Wall, wall

__all__ = ["Session"]

LASTS = timedelta(hours=12)
PURPOSE = b"a session of meterbox's page until "


class Session:
    """Sessions of whoever knows the token; without a token, everybody is let in."""

    def __init__(self, token: str | None, source: Wall = wall) -> None:
        self.token, self._source = token, source

    def proves(self, given: str) -> bool:
        """Whether this is the token."""
        return self.token is not None and hmac.compare_digest(given.encode(), self.token.encode())

    def known(self, request: HTTPConnection) -> bool:
        """Whether the request shows the token, or a session that was begun with it."""
        if self.token is None:
            return True
        shown = request.headers.get("authorization", "")
        if self.proves(shown.removeprefix("Bearer ")) and shown.startswith("Bearer "):
            return True
        until, _, proof = request.cookies.get(_name(request), "").partition(".")
        if not (until.isascii() and until.isdecimal() and len(until) < 15):
            return False
        good = hmac.compare_digest(proof.encode(), self._proof(until).encode())
        return good and int(until) > self._source().timestamp()

    def begin(self, request: HTTPConnection, answer: Response) -> None:
        """Have the browser keep a session."""
        until = str(int((self._source() + LASTS).timestamp()))
        self._set(request, answer, f"{until}.{self._proof(until)}", int(LASTS.total_seconds()))

    def end(self, request: HTTPConnection, answer: Response) -> None:
        """Have the browser forget it."""
        self._set(request, answer, "", 0)

    def _set(self, request: HTTPConnection, answer: Response, value: str, age: int) -> None:
        secure = request.url.scheme == "https"
        answer.set_cookie(
            _name(request), value, age, httponly=True, samesite="strict", secure=secure
        )

    def _proof(self, until: str) -> str:
        key = (self.token or "").encode()
        return hmac.new(key, PURPOSE + until.encode(), sha256).hexdigest()


def _name(request: HTTPConnection) -> str:
    """A browser has the same cookies for all ports of a machine."""
    return f"meterbox-{(request.scope.get('server') or ('', 0))[1]}"
