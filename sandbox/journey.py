"""One event from the call to the bill: the source's edge, and its way to every vendor beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from contracts.model import MeterboxError
from contracts.reader import read
from sandbox.account import Account, Accounts
from sandbox.auth import redacted
from sandbox.clock import iso
from sandbox.excerpt import shallow
from sandbox.intake import Arrival, Intake, Seen, intake, recent
from sandbox.journal import Exchange
from sandbox.lane import (
    Told,
    attempt,
    booked,
    findings,
    standing,
    translated,
    tries,
)
from sandbox.veil import Veil
from sandbox.wiring import local
from translators.mapping import translated_vendors

if TYPE_CHECKING:
    from sandbox.deliveries import Forwarding
    from sandbox.switchboard import Switchboard
    from translators.forwarding.outbox import Delivery

__all__ = ["NoEvent", "Roads", "differences", "journey", "taken_in"]

LOOKED_AT = 20_000
"""Exchanges that a list of events is made of."""
NOTHING: Told = {"requests": [], "trace": [], "dropped": [], "refused": None}


class NoEvent(MeterboxError):
    """Nothing is known of an event of that name."""

    def __init__(self, event: str, source: Account) -> None:
        why = f"No request of this key of {source.room.contract.title} brought an event {event!r}"
        gone = source.journal.dropped
        super().__init__(f"{why}, of those that are kept; {gone} are gone." if gone else f"{why}.")


@dataclass(frozen=True)
class Roads:
    """Where an event may have left traces: the accounts, and the forwarder if there is one."""

    accounts: Accounts
    board: Switchboard
    forwarding: Forwarding | None = None

    def deliveries(self, source: Account, *events: str) -> Sequence[Delivery]:
        """The deliveries of these events; none where the outbox lists none."""
        if self.forwarding is None:
            return ()
        try:
            return self.forwarding.of(source, set(events))
        except MeterboxError:
            return ()

    def recent(self, text: str = "", most: int = 50) -> Iterator[Seen]:
        """The newest events of every source that have a text in their name, their customer's or
        their own, the newest first; one that came several times is there as often."""
        said = (one for told in self._taken() for one in recent(told) if _says(one, text.lower()))
        yield from islice(said, most)

    def _taken(self) -> Iterator[Exchange]:
        """The newest requests of sources."""
        rooms, feed = self.accounts.rooms, self.accounts.feed
        sources = {name for name, room in rooms.items() if room.contract.role == "source"}
        latest = islice(feed.before(feed.next), LOOKED_AT)
        return (told for _, told in latest if told.vendor in sources)

    @property
    def vendors(self) -> list[str]:
        """Those of this sandbox that events are translated for."""
        return [vendor for vendor in translated_vendors() if vendor in self.accounts.rooms]


def _says(seen: Seen, text: str) -> bool:
    return any(text in (word or "").lower() for word in (seen.event, seen.customer, seen.name))


def journey(source: Account, event: str, roads: Roads) -> Told:
    """All that is known of an event of a source, without secrets. Raises NoEvent."""
    made = intake(source, event, roads.board)
    deliveries = {one.vendor: one for one in roads.deliveries(source, event)}
    if not made.arrivals and not deliveries:
        raise NoEvent(event, source)
    left = next((one.event for one in deliveries.values()), made.published)
    veil = Veil([source.key, *(account.key for account in _vendors_of(source, roads))])
    lanes = [_lane(vendor, source, left, deliveries.get(vendor), roads) for vendor in roads.vendors]
    told = {
        "event": event,
        "source": _source(source),
        "forwarding": roads.forwarding is not None,
        "intake": taken_in(made, left, source, veil),
        "lanes": lanes if left is not None else [],
    }
    shown: Told = veil.node(told)
    return shown


def _vendors_of(source: Account, roads: Roads) -> Iterator[Account]:
    for vendor in roads.vendors if roads.forwarding is not None else ():
        account = roads.forwarding.account(source, vendor) if roads.forwarding else None
        if account is not None:
            yield account


def _source(source: Account) -> Told:
    return {
        "vendor": source.vendor,
        "title": source.room.contract.title,
        "account": redacted(source.key),
        "handle": source.handle,
    }


def taken_in(
    made: Intake, left: Mapping[str, Any] | None, source: Account, veil: Veil
) -> dict[str, Any]:
    """What the edge made of an event that `left` so, as it is shown."""
    sent, published = shallow(made.sent), None if left is None else shallow(left)
    return {
        "arrivals": [_arrival(one, source, veil) for one in made.arrivals],
        "sent": sent,
        "published": published,
        "changes": differences(sent, published),
    }


def _arrival(arrival: Arrival, source: Account, veil: Veil) -> Told:
    told, contract = arrival.exchange, source.room.contract
    batch = arrival.place.partition("[")[0] + "["
    own = [
        found
        for found in told.findings
        if found.path.startswith(arrival.place) or not found.path.startswith(batch)
    ]
    return {
        "exchange": told.id,
        "time": iso(told.at),
        "method": told.request.method,
        "path": veil.path(told.request.path),
        "status": told.reply.status,
        "fault": told.fault.kind if told.fault is not None else None,
        "place": arrival.place,
        "outcome": arrival.outcome,
        "rule": arrival.rule,
        "findings": findings(own, contract, veil),
    }


def differences(sent: Any, published: Mapping[str, Any] | None) -> list[Told]:
    """What the edge added to an event or changed in it, by its fields and its context's."""
    if published is None or not isinstance(sent, Mapping):
        return []
    return [
        {"path": f"$.{name}", "was": sent.get(name), "is": published.get(name)}
        for name in dict.fromkeys((*published, *sent))
        if sent.get(name) != published.get(name) and not _empty(sent, published, name)
    ]


def _empty(sent: Mapping[str, Any], published: Mapping[str, Any], name: str) -> bool:
    """Whether there is nothing in a field on either side: `{}` where there was none."""
    return not sent.get(name) and not published.get(name)


def _lane(
    vendor: str,
    source: Account,
    event: Mapping[str, Any] | None,
    delivery: Delivery | None,
    roads: Roads,
) -> Told:
    forwarding = roads.forwarding
    to = None if forwarding is None else forwarding.destinations.get(vendor)
    settings = local(vendor) if to is None else to.settings
    account = None if forwarding is None else forwarding.account(source, vendor)
    lane: Told = {
        "vendor": vendor,
        "title": read(vendor).title,
        "forwarding": _forwarded(forwarding, vendor),
        "account": None,
        "translation": NOTHING if event is None else translated(vendor, event, settings),
        **_delivered(None if delivery is None else delivery),
        "attempts": [],
        "ledger": {"entries": [], "billed": []},
    }
    if delivery is not None:
        lane |= _passage(delivery, account, roads)
    return {**lane, "standing": standing(lane)}


def _forwarded(forwarding: Forwarding | None, vendor: str) -> str:
    if forwarding is None:
        return "off"
    return "on" if vendor in forwarding.destinations else "no destination"


def _delivered(delivery: Delivery | None) -> Told:
    """How a delivery stands; all None where there is none."""
    if delivery is None:
        return dict.fromkeys(("delivery", "reason", "code", "due"))
    outcome = delivery.outcome
    return {
        "delivery": "pending" if outcome is None else type(outcome).__name__.lower(),
        "reason": delivery.reason,
        "code": getattr(outcome, "code", None),
        "due": None if delivery.due is None or delivery.settled else iso(delivery.due),
    }


def _passage(delivery: Delivery, account: Account | None, roads: Roads) -> Told:
    """Each try of a delivery, and what the ledger has of them."""
    made = tries(delivery, account, roads.accounts)
    exchanges = [told for _, told in made if told is not None]
    if account is None and exchanges:
        account = roads.accounts.find(delivery.vendor, exchanges[0].account)
    if account is None:
        return {"attempts": [attempt(one, told, Veil(())) for one, told in made]}
    keys = [request.key for request in delivery.requests or () if request.key]
    shown = partial(attempt, veil=Veil([account.key]))
    return {
        "account": {"account": redacted(account.key), "handle": account.handle},
        "attempts": [shown(one, told) for one, told in made],
        "ledger": booked(exchanges, account, keys),
    }
