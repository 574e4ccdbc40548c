"""A sandbox in which a case is played: every vendor set up for its events, its clock standing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from contracts.reader import read
from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.proving.case import NAME, Case, Strike
from sandbox.proving.weather import Weather
from sandbox.staging import set_up
from translators.event import BadEvent, parse

__all__ = ["Place", "placed"]

ONCE: dict[str, Any] = {
    "endpoint": None, "times": 1, "skip": 0, "every": 1, "probability": 1.0, "seed": 0,
    "since": None, "until": None, "ttl": None,
}  # fmt: skip
"""Of a fault that has struck only its kind, and what goes with that, is of interest."""


@dataclass(frozen=True)
class Place:
    """`unset` tells what could not be set up."""

    sandbox: Sandbox
    accounts: Mapping[str, Account]
    unset: list[str]
    weather: Mapping[str, Weather] = field(default_factory=dict)

    def strikes(self) -> list[Strike]:
        """Which request of which vendor was struck, and by what."""
        return [
            Strike(vendor, number, replace(fault, **ONCE))
            for vendor, weather in self.weather.items()
            for number, fault in weather.struck
        ]


async def placed(case: Case, now: Callable[[], datetime] | None = None) -> Place:
    """A sandbox as it is before the first event; its faults, if any, go by `now`."""
    sandbox = create_app(Options(vendors=list(case.settings)))
    accounts = {v: sandbox.accounts.open(v, read(v).key(NAME)) for v in case.settings}
    for account in accounts.values():
        account.clock.freeze(case.at)
    unset = await set_up(accounts, [_spelled(event) for event in case.events], sandbox.switchboard)
    weather = {} if now is None else {v: _weather(v, case, now) for v in accounts}
    for vendor, faults in weather.items():
        accounts[vendor].faults = faults
    return Place(sandbox, accounts, unset, weather)


def _spelled(event: object) -> Mapping[str, object]:
    try:
        return parse(event).raw
    except BadEvent:
        return {}


def _weather(vendor: str, case: Case, now: Callable[[], datetime]) -> Weather:
    faults = [fault for only, fault in case.faults if only in (None, vendor)]
    planned = {strike.request: strike.fault for strike in case.strikes if strike.vendor == vendor}
    return Weather(now, faults, planned)
