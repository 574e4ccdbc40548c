"""What a source's edge made of one event: the requests that brought it, and what left for vendors.

What left is kept nowhere but with the forwarder. Where there is none, the request is carried out
once more on an account that nobody sees: deciding depends on it, the settings and the time alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sandbox.account import Account, Accounts
from sandbox.auth import Credential
from sandbox.body import Unreadable, document
from sandbox.exchange import Desk
from sandbox.journal import Exchange
from sandbox.ledger import fate
from sandbox.reply import Outcome
from sandbox.switchboard import Switchboard

__all__ = ["Arrival", "Intake", "Seen", "arrivals", "intake", "recent"]

MOST = 20
"""Requests with one event that are told of: an SDK sends it again a few times."""
Call = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that brought the event, at `place` in its body, and what became of it there."""

    exchange: Exchange
    outcome: Outcome
    rule: str | None
    place: str


@dataclass(frozen=True, slots=True)
class Intake:
    """`arrivals` are the requests, oldest first; `sent` is the event as it came, `published` as
    destinations get it. None where it is not known any more, or there is no such thing."""

    arrivals: Sequence[Arrival]
    sent: Any = None
    published: Call | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One event in a list of them: what it is called, whose it is, what became of it."""

    event: str
    customer: str | None
    name: str | None
    outcome: Outcome
    exchange: Exchange


def intake(source: Account, event: str, board: Switchboard) -> Intake:
    """What is known of an event at the account of a source."""
    found = list(arrivals(source, event))
    first = next((one for one in found if one.outcome == "accepted"), None)
    shown = first or (found[-1] if found else None)
    if shown is None:
        return Intake(())
    calls = dict(_calls(shown.exchange, source))
    published = None if first is None else _published(source, first, event, board)
    return Intake(found, calls.get(shown.place), published)


def arrivals(source: Account, event: str) -> Iterator[Arrival]:
    """The requests that brought an event, oldest first."""
    found = (
        (told, *fate(effects, usage))
        for told in source.journal.after(0)
        for effects in told.effects
        for item in effects.items
        for usage in effects.usages(item)
        if usage.event == event
    )
    for told, outcome, rule in islice(found, MOST):
        yield Arrival(told, outcome, rule, _place(told, source, event))


def recent(told: Exchange) -> Iterator[Seen]:
    """The events of a source's request that have a name of their own, the last first."""
    for effects in reversed(told.effects):
        for item in reversed(effects.items):
            usage = effects.usages(item)[0]
            if usage.event:
                outcome, _ = fate(effects, usage)
                yield Seen(usage.event, usage.customer, usage.meter, outcome, told)


def _published(source: Account, arrival: Arrival, event: str, board: Switchboard) -> Call | None:
    """The event as it left, by carrying out its request once more."""
    told, taken = arrival.exchange, list[Call]()
    accounts = Accounts({source.vendor: source.room}, profile=source.profile)
    accounts.forward = lambda _, events: taken.extend(events)
    again = accounts.open(source.vendor, source.key)
    for rule, value in source.settings.items():
        again.set(rule, value)
    _, place = board.find(source.vendor, told.request.method, told.request.path)
    key = Credential(source.key)
    asked = replace(told.request)
    Desk(source.room, accounts).settle(again, asked, place.methods, key, None, told.at)
    name = _key(source)
    by_name = {one.get(name): one for one in taken}
    if event not in by_name:  # the edge gave it its name, and another one this time
        own = {call.get(name) for _, call in _calls(told, source)}
        made = [one for one in taken if one.get(name) not in own]
        by_name = dict(zip(_made(told, own), made, strict=False))
    found = by_name.get(event)
    return None if found is None else {**found, name: event}


def _place(told: Exchange, source: Account, event: str) -> str:
    """Where in the request the event is, as a JSON path."""
    name, calls = _key(source), list(_calls(told, source))
    for place, call in calls:
        if call.get(name) == event:
            return place
    nameless = [place for place, call in calls if not call.get(name)]
    made = _made(told, {call.get(name) for _, call in calls})
    aligned = len(nameless) == len(made) and event in made
    return nameless[made.index(event)] if aligned else "$"


def _made(told: Exchange, own: set[Any]) -> list[str]:
    """The names that the edge gave to events which had none, in their order."""
    taken = (effects for effects in told.effects if effects.outcome == "accepted")
    named = (effects.usages(item)[0].event for effects in taken for item in effects.items)
    return [name for name in named if name not in own]


def _calls(told: Exchange, source: Account) -> Iterator[tuple[str, Call]]:
    """The events of a request, each with its place."""
    try:
        body = document(replace(told.request))
    except Unreadable:
        return
    inside = next((one.inside for one in source.room.contract.layouts), None)
    several = body.get(inside) if isinstance(body, dict) and inside else None
    if not isinstance(several, list):
        several, inside = [body], None
    for n, call in enumerate(several):
        if isinstance(call, dict):
            yield f"$.{inside}[{n}]" if inside else "$", call


def _key(source: Account) -> str:
    """The field by which the source tells events apart."""
    return next((one.key for one in source.room.contract.layouts), "messageId")
