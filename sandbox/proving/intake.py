"""What a source makes of events: those that it hands on, as it hands them on, and the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from contracts import credentials
from contracts.reader import read, vendors
from sandbox.account import Account
from sandbox.app import Options, create_app
from sandbox.proving.case import NAME
from sandbox.reply import Request

__all__ = ["INTAKE", "TakenIn", "headers", "path", "source", "taken_in"]

INTAKE = "batch"
AGAIN = ("sentAt", "originalTimestamp")
"""By which the source would correct a time once more, if the event came to it again."""


@dataclass
class TakenIn:
    """`events` are handed on; of the others, `left` has one line for each."""

    events: list[Mapping[str, Any]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def source() -> str:
    """The vendor that events come from."""
    return next(vendor for vendor in vendors() if read(vendor).role == "source")


def path() -> str:
    """Where the source takes several events."""
    return read(source()).endpoint(INTAKE).paths[0]


def headers() -> dict[str, str]:
    """The headers of a request to the source."""
    contract = read(source())
    shown = credentials.headers(contract.auth, contract.key(NAME))
    return {**shown, "content-type": "application/json"}


async def taken_in(events: Sequence[Mapping[str, Any]], at: datetime) -> TakenIn:
    """Have events taken in, one by one, at this time."""
    sandbox = create_app(Options(vendors=[source()]))
    account = sandbox.accounts.open(source(), read(source()).key(NAME))
    account.clock.freeze(at)
    taken = TakenIn()

    def handed_on(_: Account, some: Sequence[Mapping[str, Any]]) -> None:
        for event in some:
            taken.events.append({k: v for k, v in event.items() if k not in AGAIN})

    sandbox.accounts.forward = handed_on
    desk, place = sandbox.switchboard.find(source(), "POST", path())
    shown = {name.lower().encode(): text.encode() for name, text in headers().items()}
    for number, event in enumerate(events, 1):
        body = orjson.dumps({"batch": [event]})
        request = Request("POST", place.path, b"", shown, body, place.params)
        exchange = await desk.perform(request, place.methods)
        for effects in exchange.effects:
            if effects.outcome != "accepted":
                taken.left.append(f"event {number}: {effects.outcome} [{effects.rule}]")
    return taken
