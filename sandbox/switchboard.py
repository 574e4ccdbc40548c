"""Every vendor behind one port, by path and by Host header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.model import Contract
from contracts.reader import read, vendors
from sandbox.edge import Edge
from sandbox.exchange import Desk
from sandbox.paths import Paths, Place, sent
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
    """One vendor: where its requests come in, and what is at its paths."""

    edge: Edge
    paths: Paths


class Switchboard:
    """Hands a request to its vendor, by Host header or first path segment, or else to `front`."""

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        self._lines = {
            name: Line(Edge(desk), Paths(desk.room.contract.endpoints))
            for name, desk in desks.items()
        }
        self._by_host = {
            host.encode(): (self._lines[name], desk.room.contract.mounts.get(host, ""))
            for name, desk in desks.items()
            for host in desk.room.contract.hosts
        }
        self.front: ASGIApp = Starlette()
        self.added: dict[str, ASGIApp] = {}

    def add(self, path: str, app: ASGIApp) -> None:
        """Put an application at a whole path, ahead of the vendors' own."""
        self.added[path] = app

    def find(self, vendor: str, method: str, path: str) -> tuple[Desk, Place]:
        """Who decides on requests for a vendor, and what is at a path of its own."""
        line = self._lines[vendor]
        return line.edge.desk, line.paths.find(method, path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.front(scope, receive, send)
            return
        (line, mount), path = self._hosted(scope), sent(scope)
        path = mount + path
        if line is None:
            if path in self.added:
                await self.added[path]({**scope, "path": path}, receive, send)
                return
            prefix, path = _parted(path)
            line = self._lines.get(prefix)
        if line is None:
            await self.front(scope, receive, send)
            return
        place = line.paths.find(scope["method"], path)
        await line.edge(place, scope, receive, send)

    def _hosted(self, scope: Scope) -> tuple[Line | None, str]:
        """The vendor whose own host the request names, and where that host's paths begin."""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value.partition(b":")[0].rstrip(b".").lower()
                return self._by_host.get(host, (None, ""))
        return None, ""


def _parted(path: str) -> tuple[str, str]:
    """The first segment of a path, and the path without it."""
    end = path.find("/", 1)
    return (path[1:], "/") if end < 0 else (path[1:end], path[end:])
