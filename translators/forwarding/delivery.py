"""Sends one request to a vendor and tells what came of it. The only module here with HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx

from contracts import credentials
from contracts.reader import read
from translators.forwarding.outcome import Attempt, Dead, Retry, excerpt, judge
from translators.forwarding.record import document
from translators.forwarding.trust import trust
from translators.request import VendorRequest

__all__ = ["Attempt", "Courier", "Target"]

JSON = {"content-type": "application/json"}
TIMEOUT = 5.0
"""Seconds in which Segment's webhooks want the whole answer."""
LIMITS = httpx.Limits(max_keepalive_connections=20)
"""No bound on connections: an origin would wait for one that another origin's requests hold."""
READ = 64 * 1024
"""Bytes of an answer that are read; verdict and message stand at its beginning."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a vendor is reached and with which key.

    `transport` reaches an application in this process; targets that share one share a client.
    """

    base_url: str
    key: str = field(repr=False)
    transport: httpx.AsyncBaseTransport | None = field(default=None, repr=False)


class Courier:
    """Keeps one client for each place it delivers to; `timeout` is in seconds, for a whole try."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._clients: dict[tuple[str, httpx.AsyncBaseTransport | None], httpx.AsyncClient] = {}

    async def deliver(
        self, request: VendorRequest, target: Target, *, at: datetime, waited: timedelta
    ) -> Attempt:
        """Send once. Whatever the network does is an outcome, never an error."""
        attempt, _ = await self.asked(request, target, at=at, waited=waited)
        return attempt

    async def asked(
        self,
        request: VendorRequest,
        target: Target,
        *,
        at: datetime,
        waited: timedelta = timedelta(),
        most: int = READ,
    ) -> tuple[Attempt, bytes]:
        """Send once, and hand back the answer's body too, `most` bytes of it."""
        line = f"{request.method} {_shown(_url(request, target))}"
        try:
            async with asyncio.timeout(self._timeout):
                return await self._sent(request, target, line, at, waited, most)
        except (TimeoutError, httpx.TimeoutException):
            late = Retry(None, f"no answer within {self._timeout:g} s", "ETIMEDOUT")
            return Attempt(at, waited, line, late), b""
        except (httpx.TransportError, httpx.InvalidURL, OSError, UnicodeError) as fault:
            return Attempt(at, waited, line, _unreached(fault)), b""

    async def _sent(
        self,
        request: VendorRequest,
        target: Target,
        line: str,
        at: datetime,
        waited: timedelta,
        most: int,
    ) -> tuple[Attempt, bytes]:
        contract = read(request.vendor)
        async with self._client(target).stream(
            request.method,
            _url(request, target),
            content=document(request.body),
            headers={**JSON, **credentials.headers(contract.auth, target.key)},
        ) as response:
            body = await _beginning(response, most)
        responses = contract.endpoint(request.endpoint).responses
        successes = [status for status in responses if 200 <= status < 300]
        outcome = judge(response.status_code, response.headers, body, now=at, successes=successes)
        exchange = response.headers.get("x-meterbox-exchange")
        status = response.status_code
        return Attempt(at, waited, line, outcome, status, excerpt(body[:READ]), exchange), body

    def _client(self, target: Target) -> httpx.AsyncClient:
        place = (target.base_url, target.transport)
        if place not in self._clients:
            self._clients[place] = httpx.AsyncClient(
                transport=target.transport,
                verify=trust(target.base_url),
                timeout=self._timeout,
                limits=LIMITS,
                headers={"user-agent": "meterbox"},
            )
        return self._clients[place]

    async def close(self) -> None:
        """Close every connection."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.aclose()


def _url(request: VendorRequest, target: Target) -> str:
    return target.base_url.rstrip("/") + request.path


def _shown(url: str) -> str:
    """An address without the user and the password that it may hold."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


async def _beginning(response: httpx.Response, most: int) -> bytes:
    body = bytearray()
    try:
        async for part in response.aiter_bytes():
            body += part
            if len(body) >= most:
                break
    except httpx.DecodingError:
        return b""  # the status is the answer, readable or not
    return bytes(body[:most])


def _unreached(fault: Exception) -> Retry | Dead:
    """A fault of the network passes; one of the address or the key does not.

    The text of the latter is not told: it may hold the key.
    """
    invalid = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError)
    if isinstance(fault, invalid):
        why = f"the base URL or the key cannot be used ({type(fault).__name__})"
        return Dead(why, "INVALID_SETTINGS")
    return Retry(None, str(fault) or type(fault).__name__, _code(fault))


def _code(fault: Exception) -> str:
    if any(isinstance(cause, socket.gaierror) for cause in _causes(fault)):
        return "ENOTFOUND"
    refused = isinstance(fault, (httpx.ConnectError, ConnectionRefusedError))
    return "EREFUSED" if refused else "ECONNRESET"


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__ or fault.__context__
