"""The composition: every vendor, the control API and the first page, behind one port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.account import Accounts
from sandbox.clock import Wall, wall
from sandbox.exchange import Desk
from sandbox.switchboard import Switchboard, load

__all__ = ["Sandbox", "create_app"]


@dataclass(frozen=True)
class Sandbox:
    """An ASGI application, and the accounts behind it."""

    app: ASGIApp
    accounts: Accounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def create_app(
    *,
    vendors: Iterable[str] | None = None,
    seed: int = 0,
    source: Wall = wall,
    settings: Mapping[str, Any] | None = None,
) -> Sandbox:
    rooms = load(vendors)
    accounts = Accounts(rooms, seed=seed, source=source, settings=settings)
    desks = {name: Desk(room, accounts) for name, room in rooms.items()}
    return Sandbox(Switchboard(desks, Starlette()), accounts)
