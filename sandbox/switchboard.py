"""Every vendor behind one port, by path and by Host header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module

from starlette.applications import Starlette
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.model import Contract, Endpoint
from contracts.reader import read, vendors
from sandbox.edge import Edge
from sandbox.exchange import Desk
from sandbox.room import Room

__all__ = ["Switchboard", "load"]


def load(names: Iterable[str] | None = None) -> dict[str, Room]:
    """The rooms of these vendors, or of all there are."""
    return {name: _room(read(name)) for name in (vendors() if names is None else names)}


def _room(contract: Contract) -> Room:
    room: Room = import_module(f"sandbox.{contract.vendor}.app").create_room(contract)
    return room


@dataclass(frozen=True, slots=True)
class Line:
    """One vendor: its Starlette application, and its edges by path where a path is exact."""

    app: Starlette
    exact: Mapping[str, Edge]


def line(desk: Desk) -> Line:
    """A vendor's paths; those that it lacks, and methods that it lacks, speak its words too."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in desk.room.contract.endpoints:
        for path in endpoint.paths:
            by_path.setdefault(path, {})[endpoint.method] = endpoint
    edges = {path: Edge(desk, methods) for path, methods in by_path.items()}
    routes = [_route(_spelled(path), edge) for path, edge in edges.items()]
    app = Starlette(routes=[*routes, _route("/{path:path}", Edge(desk, {}))])
    return Line(app, {path: edge for path, edge in edges.items() if "{" not in path})


def _spelled(path: str) -> str:
    """A contract's `{id}` takes any text: ids may hold slashes, percent-encoded or not."""
    return path.replace("}", ":path}")


def _route(path: str, edge: Edge) -> Route:
    """A route whose parameters take any text: Starlette's own end where a line does."""
    route = Route(path, edge)
    whole = route.path_regex.pattern.removesuffix("$") + r"\Z"
    route.path_regex = re.compile(whole, re.DOTALL)
    return route


class Switchboard:
    """Hands a request to its vendor, by Host header or first path segment, or else to `front`.

    A path without parameters goes straight to its edge, where Starlette would try every route.
    """

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        self._lines = {name: line(desk) for name, desk in desks.items()}
        self._by_host = {
            host.encode(): self._lines[name]
            for name, desk in desks.items()
            for host in desk.room.contract.hosts
        }
        self._exact: dict[str, tuple[ASGIApp, str]] = {
            f"/{name}{path}": (edge, path)
            for name, at in self._lines.items()
            for path, edge in at.exact.items()
        }
        self.front: ASGIApp = Starlette()
        self.added: dict[str, ASGIApp] = {}

    def add(self, path: str, app: ASGIApp) -> None:
        """Put an application at a whole path, ahead of the vendors' own."""
        self._exact[path] = (app, path)
        self.added[path] = app

    def find(self, vendor: str, path: str) -> tuple[Edge, Mapping[str, str]]:
        """The edge of a vendor's own path, and the path's parameters."""
        at = self._lines[vendor]
        if path in at.exact:
            return at.exact[path], {}
        scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
        for route in at.app.routes:
            match, child = route.matches(scope)
            if match is not Match.NONE:
                edge: Edge = child["endpoint"]
                return edge, child["path_params"]
        raise LookupError(path)  # the last route takes every path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.front(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"host":
                at = self._by_host.get(value.partition(b":")[0].rstrip(b".").lower())
                if at is not None:
                    app = at.exact.get(scope["path"], at.app)
                    await app(scope, receive, send)
                    return
                break
        await self._by_path(scope, receive, send)

    async def _by_path(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        found = self._exact.get(path)
        if found is not None:
            await found[0]({**scope, "path": found[1]}, receive, send)
            return
        end = path.find("/", 1)
        prefix = path if end < 0 else path[:end]
        at = self._lines.get(prefix[1:])
        if at is None:
            await self.front(scope, receive, send)
            return
        await at.app({**scope, "path": path[len(prefix) :] or "/"}, receive, send)
