"""The control API as tests reach it: one connection for each thread, kept open.

* MeterboxError
  x Unreachable    no sandbox answers there
  x Unwilling      the control API refuses, in its own words; `status` is that of its answer
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import local
from time import monotonic
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from contracts.model import MeterboxError

__all__ = ["Unreachable", "Unwilling", "Wire", "longest"]

IDLE = 2.0
"""Seconds after which a connection is opened anew: a server closes those that say nothing."""
LONGEST = 20.0
PATIENCE = 40.0


class Unreachable(MeterboxError):
    def __init__(self, url: str, why: object) -> None:
        super().__init__(f"No sandbox answers at {url}: {why}. Start one with: meterbox up")


class Unwilling(MeterboxError):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Wire:
    """A sandbox at `url`, such as http://127.0.0.1:4020; `token` is for its control API."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        at = urlsplit(self.url)
        if at.scheme not in ("http", "https") or not at.hostname:
            raise Unreachable(url, "that is no address such as http://127.0.0.1:4020")
        self._kind = HTTPSConnection if at.scheme == "https" else HTTPConnection
        self._host, self._port, self._base = at.hostname, at.port, at.path
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._own = local()
        self._open: list[HTTPConnection] = []

    def ask(
        self,
        method: str,
        *path: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
    ) -> Any:
        """What the control API answers, its fractions as Decimal.

        `path` are the segments below /_meterbox, as they are. Raises Unreachable or Unwilling.
        """
        target = "/".join((f"{self._base}/_meterbox", *(quote(part, safe="") for part in path)))
        if query:
            target += "?" + urlencode(query)
        sent = None if body is None else json.dumps(body).encode()
        status, raw = self._sent(method, target, sent)
        try:
            told = json.loads(raw, parse_float=Decimal)
        except ValueError as fault:
            raise Unreachable(self.url, f"it answers {status}, and that is no JSON") from fault
        if status >= 400:
            raise Unwilling(status, str(told.get("error", told)))
        return told

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._open:
            self._open.pop().close()

    def _sent(self, method: str, target: str, body: bytes | None) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request(method, target, body, self._headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (HTTPException, OSError) as fault:
            connection.close()
            raise Unreachable(self.url, fault or type(fault).__name__) from fault
        finally:
            self._own.used = monotonic()

    def _connection(self) -> HTTPConnection:
        """This thread's; it opens by itself when it is closed."""
        found: HTTPConnection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = self._kind(self._host, self._port, timeout=PATIENCE)
            self._open.append(found)
        elif monotonic() - self._own.used > IDLE:
            found.close()
        return found


def longest(until: float) -> float:
    """Seconds to wait at the server in one request, of those left until a monotonic time."""
    return round(max(0.0, min(LONGEST, until - monotonic())), 3)
