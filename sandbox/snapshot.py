"""An account as a file: what it began with, everything that came to it, and how its clock stands.

Brought back, it is done again, as after a restart: the state is what the vendor's rules make of it.
The key is not in the file, nor are headers that hold secrets; secrets in bodies of other names are.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts import durations
from contracts.conformance import violations
from contracts.model import MeterboxError
from contracts.schema import Schema
from sandbox.account import Account, Accounts, Origin
from sandbox.acts import ACTS, YEARS, perform
from sandbox.auth import Credential
from sandbox.clock import iso
from sandbox.exchange import Desk
from sandbox.journal import Act, Exchange, Noted
from sandbox.switchboard import Switchboard
from sandbox.written import STEP, Step, done, keyed, places, step, written

__all__ = ["BadSnapshot", "Restored", "Snapshot", "read", "restore", "take", "twin"]

FORMAT = 1
SHAPE = Schema(
    "snapshot",
    {
        "type": "object",
        "required": ["format", "vendor", "seed", "settings", "profile", "clock", "history"],
        "properties": {
            "format": {"const": FORMAT},
            "vendor": {"type": "string"},
            "seed": {"type": "string"},
            "settings": {"type": "object"},
            "profile": {"enum": ["faithful", "contract"]},
            "clock": {
                "type": "object",
                "required": ["frozen", "ahead"],
                "properties": {
                    "frozen": {"type": ["string", "null"]},
                    "ahead": {"type": "number"},
                },
            },
            "history": {"type": "array", "items": STEP},
        },
    },
)


class BadSnapshot(MeterboxError):
    """What is given is no snapshot, or cannot be brought back into this account."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An account that can be brought back; `clock` is the state of its clock."""

    vendor: str
    origin: Origin
    clock: dict[str, Any]
    history: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done again: `different` counts answers that are not those given before."""

    exchanges: int
    acts: int
    different: int


def take(account: Account, elsewhere: Container[str] = ()) -> dict[str, Any]:
    """The account as JSON; refusals at paths of `elsewhere`, which no vendor's rule decided on,
    are left out and counted. Raises Dropped when the journal no longer holds all that came."""
    whole, hidden = list(account.journal.whole()), places(account.key)
    kept = [what for what in whole if not _astray(what, elsewhere)]
    settings = {
        rule: durations.text(value) if isinstance(value, timedelta) else value
        for rule, value in account.origin.settings.items()
    }
    return {
        "format": FORMAT,
        "vendor": account.vendor,
        "taken": iso(account.clock.now()),
        "seed": account.origin.seed,
        "settings": settings,
        "profile": account.origin.profile,
        "clock": account.clock.state,
        "history": [written(what, account, hidden) for what in kept],
        "left_out": len(whole) - len(kept),
    }


def read(document: Any) -> Snapshot:
    """A snapshot from its JSON. Raises BadSnapshot."""
    for found in violations(document, SHAPE, rule="snapshot"):
        raise BadSnapshot(f"This is no snapshot of an account: {found.path}: {found.message}.")
    try:
        origin = Origin(document["seed"], document["settings"], document["profile"])
        history = tuple(map(step, document["history"]))
        odd = [given.at for given in history if given.at.year not in YEARS]
        if odd:
            raise ValueError(f"no account lived at {odd[0].isoformat()}")
    except (ValueError, TypeError, MeterboxError) as fault:
        raise BadSnapshot(f"This is no snapshot of an account: {fault}") from fault
    return Snapshot(document["vendor"], origin, dict(document["clock"]), history)


def restore(snapshot: Snapshot, account: Account, switchboard: Switchboard) -> Restored:
    """Make an account what it was when the snapshot was taken; what it was before is gone.

    It is tried out first, on an account that nobody sees: raises BadSnapshot having done nothing.
    Nothing is forwarded again, and nobody is told by webhook again.
    """
    if snapshot.vendor != account.vendor:
        raise BadSnapshot(f"The snapshot is of {snapshot.vendor}, the account of {account.vendor}.")
    apart = Accounts({account.vendor: account.room})
    again = _Again(snapshot, Desk(account.room, apart), switchboard)
    try:
        again.on(apart.open(account.vendor, account.key))
    except Exception as fault:  # acts get what their own door would not have let in
        raise BadSnapshot(f"The snapshot cannot be brought back: {_told(fault)}") from fault
    return again.on(account)


def twin(account: Account, switchboard: Switchboard) -> tuple[Account, Restored]:
    """The account once more, where nobody sees it and nobody is told of anything: what is done to
    it is done to no other. Raises Dropped or BadSnapshot."""
    snapshot = read(take(account, switchboard.added))
    apart = Accounts({account.vendor: account.room}, source=account.clock.machine)
    again = _Again(snapshot, Desk(account.room, apart), switchboard)
    other = apart.open(account.vendor, account.key)
    return other, again.on(other)


@dataclass(frozen=True)
class _Again:
    """Does again what a snapshot holds. The desk's accounts forward nothing, and have a feed of
    their own: nobody is shown what happened long ago as if it were new."""

    snapshot: Snapshot
    desk: Desk
    switchboard: Switchboard

    def on(self, account: Account) -> Restored:
        account.reset(self.snapshot.origin)
        exchanges = different = 0
        for number, given in enumerate(self.snapshot.history):
            if isinstance(given.what, Act):
                self._done(number, given.what, given.at, account)
            else:
                exchanges += 1
                different += not self._same(given, account)
        account.clock.state = self.snapshot.clock
        self._possible(account)
        account.webhooks.withhold()
        return Restored(exchanges, len(self.snapshot.history) - exchanges, different)

    def _done(self, number: int, act: Act, at: datetime, account: Account) -> None:
        try:
            if act.name not in ACTS:
                raise BadSnapshot(f"there is no act {act.name!r}")
            perform(account, act.name, done(act, account.key).arguments, at)
            self._possible(account)
        except Exception as fault:
            raise BadSnapshot(f"$.history[{number}]: {_told(fault)}") from fault

    def _possible(self, account: Account) -> None:
        """Nothing that is reckoned from a time within these years is outside of the calendar."""
        if account.clock.now().year not in YEARS:
            raise BadSnapshot(f"the clock is set outside of the years {YEARS[0]} to {YEARS[-1]}")

    def _same(self, given: Step, account: Account) -> bool:
        """Carry out one request again, as the account's; whether its answer is the one before."""
        request, answer = keyed(given, account.key)
        _, place = self.switchboard.find(account.vendor, request.method, request.path)
        request.params = place.params
        endpoint = place.methods.get(request.method)
        account.faults.strike(endpoint.name if endpoint else None, given.at)
        found = Credential(account.key)
        made = self.desk.settle(account, request, place.methods, found, given.fault, given.at)
        return (made.reply.status, made.reply.body) == answer


def _told(fault: Exception) -> str:
    if isinstance(fault, MeterboxError):
        return str(fault)
    return f"what is given does not fit ({type(fault).__name__}: {fault})"


def _astray(what: Exchange | Noted, elsewhere: Container[str]) -> bool:
    return isinstance(what, Exchange) and what.endpoint is None and what.request.path in elsewhere
