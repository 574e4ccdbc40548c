"""The way out of a function: a vendor's own host leads into the sandbox, and no other anywhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any

import httpx

from contracts.model import did_you_mean
from sandbox.account import Account
from sandbox.app import Sandbox
from sandbox.auth import credential
from sandbox.journal import Exchange
from sandbox.reply import Request
from sandbox.stage import Step, set_up
from translators.forwarding.inside import Inside

__all__ = ["Asked", "Gate", "Made"]

OURS = frozenset({"host", "content-length", "transfer-encoding"})
"""Headers that follow from the URL and the body, whatever a function makes of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the function made it; header names are lower case."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a request.

    Without an `account` it went to no vendor. `broken` is why no answer came back, and `code` the
    error code that Node.js has for it; with an `exchange` the vendor has seen it all the same.
    """

    asked: Asked
    account: Account | None = None
    exchange: Exchange | None = None
    broken: str = ""
    code: str = ""

    @property
    def status(self) -> int | None:
        """What the function was answered, None when nothing came back."""
        return None if self.broken or self.exchange is None else self.exchange.reply.status

    @property
    def refused(self) -> bool:
        """Whether it came to nothing, be it told by a status or, as by GraphQL, in a 200."""
        if self.broken or self.exchange is None:
            return True
        return self.exchange.reply.status >= 400 or self.exchange.reply.refuses


class Gate:
    """Carries requests to the sandbox; an account is set up by `stage` when it is first met."""

    def __init__(self, sandbox: Sandbox, stage: Sequence[Step] = ()) -> None:
        self._sandbox = sandbox
        self._stage = stage
        self._met: set[tuple[str, str]] = set()
        self._hosts = {
            host: vendor
            for vendor, room in sandbox.accounts.rooms.items()
            for host in room.contract.hosts
        }
        self._transport = Inside(httpx.ASGITransport(app=sandbox))
        # An address of its own, which no vendor has: by path, and not by host.
        self._client = httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1")

    async def __aenter__(self) -> Gate:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def carry(self, asked: Asked) -> tuple[Made, Mapping[str, Any]]:
        """Have a request carried out; answers what came of it, and what `fetch` is told."""
        try:
            url = httpx.URL(asked.url)
        except httpx.InvalidURL as fault:
            return _broken(Made(asked, None, None, f"{fault}", "ERR_INVALID_URL"))
        vendor = self._hosts.get(url.host)
        if vendor is None or url.scheme != "https" or url.port not in (None, 443):
            return _broken(Made(asked, None, None, self._closed(url), "ECONNREFUSED"))
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in asked.headers
            if name not in OURS
        ]
        await self._set_up(vendor, asked, dict(headers))
        before = self._sandbox.accounts.feed.next - 1
        request = httpx.Request(asked.method, url, headers=headers, content=asked.body)
        try:
            response = await self._client.send(request)
        except ConnectionResetError as fault:
            return _broken(self._lost(asked, vendor, before, fault))
        exchange = self._sandbox.accounts.exchange(response.headers["x-meterbox-exchange"])
        return Made(asked, self._whose(exchange), exchange), _answer(response)

    def _closed(self, url: httpx.URL) -> str:
        near = did_you_mean(url.host, list(self._hosts))
        if url.host in self._hosts:
            hint = f"; the vendor's address is https://{url.host}"
        else:
            hint = f"; did you mean {near}?" if near else ", which is no vendor's host"
        return f"meterbox lets nothing out to {url.scheme}://{url.netloc.decode()}{hint}"

    async def _set_up(self, vendor: str, asked: Asked, headers: Mapping[bytes, bytes]) -> None:
        """Set up the account whose key is shown, when it is shown for the first time."""
        room = self._sandbox.accounts.rooms[vendor]
        shown = Request(asked.method, "", b"", headers, asked.body)
        found = credential(shown, room.contract.auth)
        if found.problem is None and (vendor, found.key) not in self._met:
            self._met.add((vendor, found.key))
            account = self._sandbox.accounts.open(vendor, found.key)
            await set_up(account, self._stage, self._client)

    def _whose(self, exchange: Exchange | None) -> Account | None:
        if exchange is None:
            return None
        return self._sandbox.accounts.find(exchange.vendor, exchange.account)

    def _lost(self, asked: Asked, vendor: str, before: int, fault: Exception) -> Made:
        """A request whose connection a fault has cut: what the vendor did is in its journal."""
        since = self._sandbox.accounts.feed.after(before)
        own = (e for e in since if e.vendor == vendor and e.request.body == asked.body)
        exchange = next((e for e in own if e.fault is not None), None)
        why = "read ECONNRESET" if "reset" in str(fault) else "socket hang up"
        return Made(asked, self._whose(exchange), exchange, why, "ECONNRESET")


def _broken(made: Made) -> tuple[Made, Mapping[str, Any]]:
    return made, {"reason": made.broken, "code": made.code}


def _answer(response: httpx.Response) -> Mapping[str, Any]:
    try:
        phrase = HTTPStatus(response.status_code).phrase
    except ValueError:
        phrase = ""
    return {
        "status": response.status_code,
        "statusText": phrase,
        "headers": response.headers.multi_items(),
        "body": base64.b64encode(response.content).decode(),
    }
