"""Requests to every endpoint of every vendor, and what must hold of any answer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import httpx
import orjson
import pytest

from contracts import credentials
from contracts.cases import read_cases, render
from contracts.conformance import violations
from contracts.model import Contract, Endpoint
from contracts.reader import read, vendors
from sandbox import view
from sandbox.app import Sandbox
from tests.acme import NOW

__all__ = ["ENDPOINTS", "Place", "Sent", "explained", "known_answer", "send", "valid_bodies"]


@dataclass(frozen=True)
class Place:
    """One endpoint of one vendor."""

    contract: Contract
    endpoint: Endpoint

    def path(self) -> str:
        """Its first path, parameters filled in with something nobody has."""
        parts = self.endpoint.paths[0].split("/")
        return "/".join("nobody" if part.startswith("{") else part for part in parts)

    def headers(self, key: str) -> dict[str, str]:
        return credentials.headers_for(self.endpoint, self.contract, key)


PLACES = [
    Place(read(vendor), endpoint) for vendor in vendors() for endpoint in read(vendor).endpoints
]
ENDPOINTS = [pytest.param(p, id=f"{p.contract.vendor}-{p.endpoint.name}") for p in PLACES]


@dataclass(frozen=True)
class Sent:
    """An answer, and the explanation behind it."""

    answer: httpx.Response
    exchange: dict[str, Any]


def send(sandbox: Sandbox, place: Place, *requests: Mapping[str, Any]) -> list[Sent]:
    """Send requests with a fresh key; each may bring its own method, path, headers and body."""
    key = place.contract.key(uuid.uuid4().hex)

    async def run() -> list[Sent]:
        async with sandbox.lifespan():
            return [await _sent(sandbox, place, key, request) for request in requests]

    try:
        return asyncio.run(run())
    finally:
        sandbox.accounts.open(place.contract.vendor, key).reset()


async def _sent(sandbox: Sandbox, place: Place, key: str, request: Mapping[str, Any]) -> Sent:
    arguments = {
        "method": place.endpoint.method,
        "path": place.path(),
        "headers": place.headers(key),
        **request,
    }
    url = _url(f"/{place.contract.vendor}{arguments.pop('path')}")
    # Neither cookies nor redirects are followed, which is most of what a client does.
    asked = httpx.Request(arguments.pop("method"), url, **arguments)
    answer = await httpx.ASGITransport(app=sandbox).handle_async_request(asked)
    await answer.aread()
    return Sent(answer, told(sandbox, answer.headers.get("x-meterbox-exchange", "none")))


@lru_cache(1024)
def _url(path: str) -> httpx.URL:
    """Reading an address takes longer than answering it."""
    return httpx.URL(f"http://127.0.0.1{path}")


def told(sandbox: Sandbox, id: str) -> dict[str, Any]:
    """An exchange as the control API shows it, to whom it can be shown as JSON; or nothing."""
    exchange = sandbox.accounts.exchange(id)
    if exchange is None:
        return {}
    account = sandbox.accounts.find(exchange.vendor, exchange.account)
    assert account is not None
    shown: dict[str, Any] = orjson.loads(view.dumps(view.exchange(exchange, account)))
    return shown


def explained(sent: Sent, endpoint: Endpoint) -> None:
    """Not our fault, in the vendor's form, and with its reason behind it.

    A status of 500 and more is right only where the vendor's contract has it for this endpoint.
    """
    answer, exchange = sent.answer, sent.exchange
    assert answer.status_code < 500 or answer.status_code in endpoint.responses, answer.text
    assert answer.status_code != 500, answer.text
    assert exchange.get("id") == answer.headers["x-meterbox-exchange"]
    assert exchange["status"] == answer.status_code
    if exchange["verdict"] == "refused":
        assert exchange["findings"], answer.text
    if answer.headers.get("content-type", "").startswith("application/json"):
        answer.json()
    else:
        assert answer.headers.get("content-type", "text/").startswith("text/")


def known_answer(sent: Sent, endpoint: Endpoint) -> None:
    """The contract of this endpoint has this answer: its status, its media type, its body."""
    answer = sent.answer
    assert answer.status_code in endpoint.responses, answer.text
    if answer.content:
        wanted = endpoint.answers[answer.status_code].partition(";")[0]
        assert answer.headers["content-type"].partition(";")[0] == wanted
    schema = endpoint.responses[answer.status_code]
    if schema is not None:
        assert violations(answer.json(), schema, rule="response") == [], answer.text


def valid_bodies(place: Place, sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """Bodies with their paths that the vendor's own cases send to this endpoint."""
    board, run = sandbox.switchboard, uuid.uuid4().hex[:12]
    for request in _requests(place.contract.vendor):
        _, at = board.find(place.contract.vendor, request["method"], request["path"])
        found = at.methods.get(request["method"])
        if found is not None and found.name == place.endpoint.name:
            yield render({"path": request["path"], "json": request["json"]}, now=NOW, run=run)


@cache
def _requests(vendor: str) -> list[dict[str, Any]]:
    """All requests of a vendor's cases that have a body of JSON."""
    return [
        request
        for case in read_cases(read(vendor))
        for request in (*(s["request"] for s in case.given if "request" in s), case.request)
        if isinstance(request.get("json"), dict | list)
    ]
