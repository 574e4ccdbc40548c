"""The same Segment events at every vendor: what each would bill of them, and by which rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from contracts.reader import read
from sandbox.account import Account
from sandbox.app import Options, Sandbox, create_app
from sandbox.cli.fates import Fate, Sent, fates
from sandbox.cli.staging import StepRefused, setup, take
from sandbox.clock import parse as moment
from sandbox.journal import Exchange
from translators.event import Event
from translators.forwarding.delivery import Courier, Target
from translators.forwarding.inside import Inside
from translators.forwarding.integrations import filtered
from translators.mapping import Translate
from translators.request import Untranslatable, VendorRequest

__all__ = ["Comparison", "compared"]

NAME = "compare"
FILTERED = "segment.delivery.integrations"
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
    times = list(_arrivals(events, at))
    _stop(comparison, times[0] if times else datetime.now(UTC))
    if not bare:
        await _set_up(comparison, events)
    sent = []
    async with _Mail(sandbox) as mail:
        for event, time in zip(events, times, strict=True):
            _stop(comparison, time)
            sent.append({v: await mail.send(event, accounts[v], t) for v, t in translators.items()})
    told = {v: fates([row[v] for row in sent], account) for v, account in accounts.items()}
    comparison.fates = [{v: told[v][n] for v in told} for n in range(len(sent))]
    return comparison


def _arrivals(events: Sequence[Event], at: datetime | None) -> Iterator[datetime]:
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


async def _set_up(comparison: Comparison, events: Sequence[Event]) -> None:
    transport = httpx.ASGITransport(app=comparison.sandbox)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for vendor, account in comparison.accounts.items():
            for step in setup(vendor, [event.raw for event in events]):
                try:
                    await take(step, account, client)
                except StepRefused as refused:
                    comparison.unset.append(str(refused))


class _Mail:
    """Translates and delivers, as the forwarder does, but each request once."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._transport = Inside(httpx.ASGITransport(app=sandbox))
        self._courier = Courier()

    async def __aenter__(self) -> _Mail:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._courier.close()

    async def send(self, event: Event, account: Account, translate: Translate) -> Sent:
        """What one event is sent to one vendor as, or why it is not."""
        kept_back = filtered(event.raw, account.room.contract.title)
        if kept_back is not None:
            return Sent("not sent", kept_back.reason, (FILTERED,))
        outcome = translate(event)
        if isinstance(outcome, Untranslatable):
            word = "not taken" if outcome.unsupported else "not sent"
            return Sent(word, outcome.reason, (outcome.rule,))
        exchanges = [await self._exchange(request, account) for request in outcome.requests]
        traced = tuple(dict.fromkeys(trace.rule for trace in outcome.trace))
        return Sent("sent", "", traced, tuple(e for e in exchanges if e is not None))

    async def _exchange(self, request: VendorRequest, account: Account) -> Exchange | None:
        target = Target(f"http://127.0.0.1/{account.vendor}", account.key, self._transport)
        now = account.clock.now()
        attempt = await self._courier.deliver(request, target, at=now, waited=timedelta())
        return self._sandbox.accounts.exchange(attempt.exchange or "")
