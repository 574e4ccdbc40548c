"""Cases played in this process, against a sandbox without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx

from contracts.model import Contract
from sandbox.account import Account
from sandbox.acts import clock_state, perform
from sandbox.app import Sandbox
from sandbox.verifying.asking import Answer, Asked
from sandbox.verifying.calling import forgetful
from sandbox.verifying.target import Act

__all__ = ["Indoors", "Room"]


class Indoors:
    """A sandbox in this process, asked from code that waits for its answers."""

    def __init__(self, sandbox: Sandbox, runner: asyncio.Runner) -> None:
        self.sandbox = sandbox
        self._runner = runner
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=sandbox), cookies=forgetful()
        )

    @classmethod
    @contextmanager
    def opened(cls, sandbox: Sandbox) -> Iterator[Indoors]:
        """For as long as the `with` lasts."""
        with asyncio.Runner() as runner:
            yield cls(sandbox, runner)

    def ask(self, vendor: str, request: Asked) -> Answer:
        response = self._runner.run(
            self._client.request(
                request.method,
                f"http://127.0.0.1/{vendor}{request.path}",
                params=request.query,
                headers=request.headers,
                content=request.body,
            )
        )
        return Answer(response.status_code, response.headers, response.content)


class Room:
    """An account of a sandbox in this process, whose acts can be done when `sandbox` is true."""

    def __init__(
        self, indoors: Indoors, contract: Contract, key: str, run: str, *, sandbox: bool = True
    ) -> None:
        self.key, self.run, self.sandbox = key, run, sandbox
        self._indoors, self._vendor = indoors, contract.vendor
        self.account: Account = indoors.sandbox.accounts.open(contract.vendor, key)

    def now(self) -> datetime:
        return self.account.clock.now()

    def machine(self) -> datetime | None:
        return None

    def ask(self, request: Asked, expected: int | None) -> Answer:
        return self._indoors.ask(self._vendor, request)

    def act(self, name: Act, given: Any) -> Any:
        match name:
            case "settings":
                return self._perform("settings", given)
            case "advance":
                return self._perform("clock", clock_state(self.account, {"advance": given}))
            case "fault":
                return self._perform("add-fault", given)
            case "dashboard":
                arguments = {"name": given["name"], "arguments": given["json"]}
                return self._perform("dashboard", arguments)
            case "findings":
                return self._findings()
            case "totals" | "outcomes":
                self.account.elapse(self.now())
                return self._totals() if name == "totals" else self._outcomes()

    def _perform(self, name: str, arguments: Any) -> Any:
        return perform(self.account, name, arguments, self.now())

    def _findings(self) -> list[dict[str, str]]:
        latest = max(self.account.journal.after(0), key=lambda exchange: exchange.number)
        return [{"path": found.path, "rule": found.rule} for found in latest.findings]

    def _totals(self) -> list[dict[str, Any]]:
        return [
            {"customer": t.customer, "meter": t.meter, "quantity": t.quantity, "events": t.events}
            for t in self.account.ledger.totals()
        ]

    def _outcomes(self) -> dict[str, str]:
        return {entry.usage.event: entry.outcome for entry in self.account.ledger.entries()}
