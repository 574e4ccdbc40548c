"""A fresh account of a sandbox somewhere: what is behind its answers is asked of the control API.

* MeterboxError
  x Closed    there is a sandbox, and its control API does not let us in
"""

from __future__ import annotations

import uuid
from contextlib import closing, suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from contracts import durations
from contracts.cases import NOW
from contracts.model import Contract, MeterboxError
from contracts.reader import vendors
from sandbox.clock import wall
from sandbox.testing.wire import Unreachable, Unwilling, Wire
from sandbox.verifying.asking import Answer, Asked
from sandbox.verifying.calling import Caller
from sandbox.verifying.playing import PARTNER
from sandbox.verifying.target import Act

__all__ = ["Closed", "Tenant", "otherwise", "sandbox_at"]

FAITHFUL = "faithful"
GUARDED = ("Show the token", "The control API")
"""What the control API says to whom it does not let in; others may answer 401 as well."""


class Closed(MeterboxError):
    def __init__(self, url: str, why: object) -> None:
        super().__init__(
            f"There is a sandbox at {url}, but its control API does not let us in: {why} Show the "
            "token with --token, or leave what is behind its answers alone with --no-sandbox."
        )


def sandbox_at(base: str, token: str | None) -> Wire | None:
    """The control API of the sandbox that this address belongs to, if it is one's.

    Raises Closed.
    """
    at = urlsplit(base)
    origin = urlunsplit((at.scheme, at.netloc, "", "", ""))
    with closing(Wire(origin, token)) as wire:
        try:
            told = wire.ask("GET", "health")
        except Unwilling as fault:
            if str(fault).startswith(GUARDED):
                raise Closed(origin, fault) from fault
            return None
        except Unreachable:
            return None
    ours = isinstance(told, dict) and {"status", "vendors"} <= told.keys()
    return Wire(origin, token) if ours else None


def otherwise(wire: Wire, contract: Contract) -> str:
    """How the sandbox is set up, where that is not how cases have it."""
    place = ("accounts", contract.vendor, contract.key(uuid.uuid4().hex))
    told = wire.ask("GET", *place, "settings")["settings"]
    changed = [f"{n} = {one['value']}" for n, one in told.items() if one["value"] != one["default"]]
    profile = wire.ask("GET", *place, "profile")["profile"]
    if profile != FAITHFUL:
        changed.append(f"profile {profile}")
    return ", ".join(changed)


class Tenant:
    """An account that nobody has used, its clock standing at the time cases are written for."""

    sandbox = True

    def __init__(self, wire: Wire, caller: Caller, contract: Contract, key: str, run: str) -> None:
        self.key, self.run = key, run
        self._wire, self._caller, self._vendor = wire, caller, contract.vendor
        self._now = NOW
        self._frozen: set[str] = set()
        self._freeze(self._vendor)

    def now(self) -> datetime:
        return self._now

    def machine(self) -> datetime | None:
        return wall()

    def ask(self, request: Asked, expected: int | None) -> Answer:
        # Those events are applied at another vendor, for the account of the same key.
        partner = PARTNER.match(request.path)
        if partner is not None and partner[1] in vendors():
            self._freeze(partner[1])
        return self._caller.ask(request)

    def act(self, name: Act, given: Any) -> Any:
        match name:
            case "settings":
                self._asked("PATCH", "settings", body=given)
            case "advance":
                self._asked("POST", "clock", body={"advance": given})
                self._now += durations.parse(given)
            case "fault":
                self._asked("POST", "faults", body=given)
            case "dashboard":
                return self._asked("POST", "dashboard", given["name"], body=given["json"])
            case "findings":
                told = self._wire.ask("GET", "exchanges", str(given))["findings"]
                return [{"path": found["path"], "rule": found["rule"]} for found in told]
            case "totals":
                return self._asked("GET", "ledger", query={"limit": 0})["totals"]
            case "outcomes":
                return self._outcomes()
        return None

    def leave(self) -> None:
        """Leave nothing behind."""
        for vendor in self._frozen:
            with suppress(Unreachable, Unwilling):
                self._wire.ask("POST", "accounts", vendor, self.key, "reset")

    def _freeze(self, vendor: str) -> None:
        if vendor not in self._frozen:
            at = {"freeze": NOW.isoformat()}
            self._wire.ask("POST", "accounts", vendor, self.key, "clock", body=at)
            self._frozen.add(vendor)

    def _asked(self, method: str, *path: str, **more: Any) -> Any:
        return self._wire.ask(method, "accounts", self._vendor, self.key, *path, **more)

    def _outcomes(self) -> dict[str, str]:
        """Event -> what became of it last."""
        after, more, found = 0, True, dict[str, str]()
        while more:
            page = self._asked("GET", "ledger", query={"after": after})
            found |= {entry["event"]: entry["outcome"] for entry in page["entries"]}
            after, more = page["next"], page["more"]
        return found
