"""`GET /`: what is here, as JSON for a program and as a small page for a person."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from contracts.model import Contract
from sandbox.room import Room
from sandbox.view import dumps

__all__ = ["Front"]

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 46rem; margin: 3rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; vertical-align: top }
th, td { border-bottom: 1px solid #8886 }
code { font-size: .92em }
"""


class Front:
    """Tells a visitor which vendors answer, where, and with which key to try them."""

    def __init__(self, rooms: Mapping[str, Room]) -> None:
        self._contracts = [room.contract for room in rooms.values()]

    async def show(self, request: Request) -> Response:
        root = str(request.base_url).rstrip("/")
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(_page(self._contracts, root), headers={"vary": "accept"})
        told = {
            "meterbox": {"control": f"{root}/_meterbox", "health": f"{root}/_meterbox/health"},
            "vendors": [_vendor(contract, root) for contract in self._contracts],
        }
        return Response(dumps(told), media_type="application/json", headers={"vary": "accept"})

    async def lost(self, request: Request, fault: Exception) -> Response:
        """A path of no vendor, or a method that `GET /` does not have: say what there is."""
        assert isinstance(fault, HTTPException)
        names = ", ".join(contract.vendor for contract in self._contracts)
        at = f"{request.method} {request.scope['path']!r}"
        why = f"Nothing answers {at}. Vendors: {names}; our own API: /_meterbox."
        return Response(dumps({"error": why}), fault.status_code, media_type="application/json")


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


def _page(contracts: list[Contract], root: str) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(c.title)}</th><td><code>{escape(root)}/{c.vendor}</code></td>"
        f"<td><code>{escape(c.key('demo'))}</code></td><td>{len(c.endpoints)}</td></tr>"
        for c in contracts
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>meterbox</title>"
        f"<style>{STYLE}</style><h1>meterbox</h1>"
        "<p>Billing vendors on localhost: see what was accepted, and what was billed.</p>"
        "<table><thead><tr><th scope=col>Vendor<th scope=col>Base URL<th scope=col>Test key"
        f"<th scope=col>Endpoints</thead><tbody>{rows}</tbody></table>"
        '<p><a href="/_meterbox/accounts">Accounts</a> · '
        '<a href="/_meterbox/exchanges">Exchanges</a> · <a href="/_meterbox/rules">Rules</a> · '
        '<a href="/_meterbox/openapi.json">Our own API</a></p></html>'
    )
