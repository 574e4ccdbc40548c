"""The same Segment events at every vendor: what each would bill of them, and by which rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contracts.reader import read
from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.clock import parse as moment
from sandbox.fates import Fate, fates
from sandbox.mail import mailed
from sandbox.staging import set_up
from translators.event import Event
from translators.mapping import Translate

__all__ = ["Comparison", "arrivals", "compared"]

NAME = "compare"
PLACES = ("receivedAt", "sentAt", "timestamp")
"""Where an event says when it came; the first of them that is a time."""


@dataclass
class Comparison:
    """`fates` are each event's, by vendor; `unset` tells what could not be set up for them."""

    sandbox: Sandbox
    accounts: Mapping[str, Account]
    fates: list[dict[str, Fate]] = field(default_factory=list)
    unset: list[str] = field(default_factory=list)


async def compared(
    events: Sequence[Event],
    translators: Mapping[str, Translate],
    at: datetime | None,
    *,
    bare: bool,
) -> Comparison:
    """Send the events to sandboxes of these vendors, each when it came, or all of them `at`.

    Unless it is to be `bare`, what a team does first is done for the customers and events in them.
    """
    sandbox = create_app(Options(vendors=list(translators)))
    accounts = {v: sandbox.accounts.open(v, read(v).key(NAME)) for v in translators}
    comparison = Comparison(sandbox, accounts)
    times = list(arrivals(events, at))
    _stop(comparison, times[0] if times else datetime.now(UTC))
    if not bare:
        raw = [event.raw for event in events]
        comparison.unset = await set_up(accounts, raw, sandbox.switchboard)
    sent = []
    for event, time in zip(events, times, strict=True):
        _stop(comparison, time)
        sent.append(
            {
                v: await mailed(event, accounts[v], t, sandbox.switchboard)
                for v, t in translators.items()
            }
        )
    told = {v: fates([row[v] for row in sent], account) for v, account in accounts.items()}
    comparison.fates = [{v: told[v][n] for v in told} for n in range(len(sent))]
    return comparison


def arrivals(events: Sequence[Event], at: datetime | None) -> Iterator[datetime]:
    """When each event comes; no clock goes back."""
    latest = at
    for event in events:
        came = at or _arrival(event) or latest or datetime.now(UTC)
        latest = came if latest is None else max(latest, came)
        yield latest


def _arrival(event: Event) -> datetime | None:
    for place in PLACES:
        try:
            return moment(event.raw[place])
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
            continue
    return None


def _stop(comparison: Comparison, at: datetime) -> None:
    for account in comparison.accounts.values():
        account.clock.freeze(at)
