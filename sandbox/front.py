"""`GET /`: what is here, as JSON for a program; a person gets the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from contracts.model import Contract
from sandbox.guard import Guard
from sandbox.paths import Paths, sent
from sandbox.room import Room
from sandbox.view import dumps

__all__ = ["Front"]


class Front:
    """Tells a visitor which vendors answer, where, and with which key to try them."""

    def __init__(self, rooms: Mapping[str, Room], page: ASGIApp, token: str | None) -> None:
        self._page, self._token = page, token
        self._contracts = [room.contract for room in rooms.values()]

    async def show(self, request: Request) -> ASGIApp:
        if "text/html" in request.headers.get("accept", ""):
            return self._page
        root = str(request.base_url).rstrip("/")
        told = {
            "meterbox": {"control": f"{root}/_meterbox", "health": f"{root}/_meterbox/health"},
            "vendors": [_vendor(contract, root) for contract in self._contracts],
        }
        answer = Response(dumps(told), media_type="application/json", headers={"vary": "accept"})
        # It tells nothing of any account: with a token too, whoever can reach it may know.
        return Guard(answer, None) if self._token is None else answer

    async def lost(self, request: Request, fault: Exception) -> Response:
        """A path of no vendor, or a method that `GET /` does not have: say what there is."""
        assert isinstance(fault, HTTPException)
        names = ", ".join(contract.vendor for contract in self._contracts)
        at = f"{request.method} {request.scope['path']!r}"
        why = f"Nothing answers {at}. Vendors: {names}; our own API: /_meterbox."
        why += _stripped(self._contracts, request)
        return Response(dumps({"error": why}), fault.status_code, media_type="application/json")


def _stripped(contracts: Iterable[Contract], request: Request) -> str:
    """Where a vendor has what was asked for: a client may leave out the path of the address that it
    was given, as those do that join paths by the rules of URLs."""
    path = sent(request.scope)
    names = [
        contract.vendor
        for contract in contracts
        if request.method in Paths(contract.endpoints).find(request.method, path).methods
    ]
    if not names:
        return ""
    there = " or ".join(f"'/{name}{path}'" for name in names)
    return f" There is {there}: does the client keep the path of the address it was given?"


def _vendor(contract: Contract, root: str) -> dict[str, Any]:
    return {
        "vendor": contract.vendor,
        "title": contract.title,
        "role": contract.role,
        "base_url": f"{root}/{contract.vendor}",
        "hosts": contract.hosts,
        "test_key": contract.key("demo"),
        "checked": contract.checked,
        "endpoints": [f"{e.method} {e.paths[0]}" for e in contract.endpoints],
        "notes": contract.notes,
    }
