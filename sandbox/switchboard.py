"""Every vendor behind one port, by path and by Host header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.model import Contract, Endpoint
from contracts.reader import read, vendors
from sandbox.edge import Edge
from sandbox.exchange import Desk
from sandbox.room import Room

__all__ = ["Switchboard", "load", "room_app"]


def load(names: Iterable[str] | None = None) -> dict[str, Room]:
    """The rooms of these vendors, or of all there are."""
    return {name: _room(read(name)) for name in (vendors() if names is None else names)}


def _room(contract: Contract) -> Room:
    room: Room = import_module(f"sandbox.{contract.vendor}.app").create_room(contract)
    return room


def room_app(desk: Desk) -> Starlette:
    """One vendor as a Starlette application; paths and methods it lacks speak its words too."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in desk.room.contract.endpoints:
        for path in endpoint.paths:
            by_path.setdefault(path, {})[endpoint.method] = endpoint
    routes = [Route(_spelled(path), Edge(desk, methods)) for path, methods in by_path.items()]
    return Starlette(routes=[*routes, Route("/{path:path}", Edge(desk, {}))])


def _spelled(path: str) -> str:
    """A contract's `{id}` takes any text up to the end when it comes last: ids may hold slashes."""
    return path[:-1] + ":path}" if path.endswith("}") else path


class Switchboard:
    """Hands a request to its vendor, by Host header or first path segment, or else to `front`."""

    def __init__(self, apps: Mapping[str, ASGIApp], rooms: Mapping[str, Room], front: ASGIApp):
        self._by_path = {f"/{vendor}": app for vendor, app in apps.items()}
        self._by_host = {
            host.encode(): apps[name]
            for name, room in rooms.items()
            for host in room.contract.hosts
        }
        self._front = front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._front(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"host":
                app = self._by_host.get(value.partition(b":")[0].lower())
                if app is not None:
                    await app(scope, receive, send)
                    return
                break
        await self._by_first_segment(scope, receive, send)

    async def _by_first_segment(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        end = path.find("/", 1)
        prefix = path if end < 0 else path[:end]
        app = self._by_path.get(prefix)
        if app is None:
            await self._front(scope, receive, send)
            return
        inner: dict[str, Any] = dict(scope)
        inner["path"] = path[len(prefix) :] or "/"
        await app(inner, receive, send)
