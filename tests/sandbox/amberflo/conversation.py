"""Talks to Amberflo's room without a socket, at whatever time the test says it is."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sandbox.app import Options, create_app
from sandbox.journal import Exchange
from sandbox.reply import Request
from tests.sandbox.amberflo.conftest import NOW

__all__ = ["Answer", "Conversation"]

Answer = tuple[int, Any]


class Conversation:
    """One account of one sandbox; `now` is its time."""

    def __init__(self) -> None:
        self._sandbox = create_app(Options(vendors=["amberflo"], source=lambda: NOW))
        self.account = self._sandbox.accounts.open("amberflo", "k")
        self.now: datetime = NOW

    def exchange(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None
    ) -> Exchange:
        """One exchange, whole."""
        desk, place = self._sandbox.switchboard.find("amberflo", method, path)
        raw = b"" if body is None else json.dumps(body).encode()
        asked = urlencode(query or {}).encode()
        request = Request(method, path, asked, {b"x-api-key": b"k"}, raw, place.params)
        return desk.repeat(request, place.methods, None, self.now)

    def ask(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None
    ) -> Answer:
        """What Amberflo answers: status, and JSON or text."""
        reply = self.exchange(method, path, body, query).reply
        if reply.media != "application/json":
            return reply.status, reply.body.decode()
        return reply.status, json.loads(reply.body)

    def reset(self, **settings: str) -> Conversation:
        """Everything as on the first day, but for these switches, by the end of their rule's id."""
        self.account.reset()
        for name, value in settings.items():
            self.account.set("amberflo." + name, value)
        return self

    def declare(self, name: str, kind: str = "sum_of_all_usage", **more: Any) -> dict[str, Any]:
        """A meter that is in billing, as it is answered."""
        meter = {"label": name, "meterApiName": name, "meterType": kind, "useInBilling": True}
        status, told = self.ask("POST", "/meters", meter | more)
        assert status == 200, told
        return dict(told)

    def billed(self) -> dict[tuple[str | None, str | None], Any]:
        """Customer and meter -> quantity."""
        return {(t.customer, t.meter): t.quantity for t in self.account.ledger.totals()}
