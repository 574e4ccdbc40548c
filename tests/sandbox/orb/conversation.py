"""Talks to Orb's room without a socket, at whatever time the test says it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson

from sandbox.app import Options, Sandbox, create_app
from sandbox.orb.rules import State
from sandbox.reply import Request
from tests.acme import NOW

__all__ = ["Answer", "Conversation"]

Answer = tuple[int, Any]


class Conversation:
    """One account of one sandbox; `now` is its time, and goes on only when told."""

    def __init__(self, sandbox: Sandbox | None = None, key: str = "k") -> None:
        self._sandbox = sandbox or create_app(Options(vendors=["orb"], source=lambda: NOW))
        self._key = key
        self.account = self._sandbox.accounts.open("orb", key)
        self.now: datetime = NOW

    @property
    def state(self) -> State:
        state: State = self.account.state
        return state

    def advance(self, by: timedelta) -> None:
        self.now += by

    def ask(self, method: str, path: str, body: Any = None, query: str = "") -> Answer:
        """What Orb answers: status and JSON."""
        desk, place = self._sandbox.switchboard.find("orb", method, path)
        headers = {b"authorization": f"Bearer {self._key}".encode()}
        raw = b"" if body is None else orjson.dumps(body)
        request = Request(method, path, query.encode(), headers, raw, place.params)
        exchange = desk.repeat(request, place.methods, None, self.now)
        return exchange.reply.status, orjson.loads(exchange.reply.body or b"null")

    def billed(self) -> dict[tuple[str | None, str | None], int]:
        """Customer and meter -> quantity, as of now."""
        self.account.elapse(self.now)
        return {(t.customer, t.meter): int(t.quantity) for t in self.account.ledger.totals()}
