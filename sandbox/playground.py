"""What would become of an event or a payload: translated, checked, answered and billed by vendors
that are made for the moment. No account that anybody has is touched, and nothing is left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from contracts.model import BadValue, Contract, Endpoint
from sandbox.account import Account, Accounts
from sandbox.clock import wall
from sandbox.excerpt import shallow
from sandbox.exchange import Desk
from sandbox.guess import as_events, endpoints, is_event, likeness, main, wrapped
from sandbox.intake import Arrival, Intake
from sandbox.journal import Exchange
from sandbox.journey import taken_in
from sandbox.lane import Told, answered, booked, findings, standing, translated
from sandbox.ledger import fate
from sandbox.mail import posted
from sandbox.plaything import Unplayable, read
from sandbox.room import Room
from sandbox.staging import set_up
from sandbox.switchboard import Switchboard
from sandbox.veil import Veil
from sandbox.wiring import local
from translators.mapping import translated_vendors
from translators.request import VendorRequest

__all__ = ["Play", "played"]

SECONDS = 10.0
NAME = "playground"
CUSTOMERS = 20
"""Events of a payload whose customers and meters are set up."""


@dataclass(frozen=True)
class Play:
    """What to play with. `settings` are those of destinations, by vendor; `to` is an endpoint, as
    `vendor/endpoint`, that the text is a payload of, or a source, that it is an event of; None
    finds out. `at` is when it comes, and `bare` says that nobody set anything up before."""

    text: str
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    to: str | None = None
    at: datetime | None = None
    bare: bool = False


async def played(play: Play, rooms: Mapping[str, Room]) -> Told:
    """All that becomes of it, in the words of a journey. Raises Unplayable, or BadValue."""
    value = read(play.text)
    try:
        async with asyncio.timeout(SECONDS):
            return await Stage(play, rooms).played(value)
    except TimeoutError:
        raise Unplayable(f"It took more than {SECONDS:g} s; play with less.") from None


class Stage:
    """Vendors of their own for one play."""

    def __init__(self, play: Play, rooms: Mapping[str, Room]) -> None:
        self._play, self._rooms = play, rooms
        self._accounts = Accounts(rooms)
        desks = {name: Desk(room, self._accounts) for name, room in rooms.items()}
        self._board = Switchboard(desks)
        self._notes: list[str] = []
        self._at = play.at or wall()

    async def played(self, value: Any) -> Told:
        source, to = self._source(), self._play.to
        known = {f"{contract.vendor}/{e.name}" for contract, e in endpoints(self._rooms)}
        if to is not None and to not in known and (source is None or to != source.vendor):
            raise BadValue("to", to, "a source or a vendor/endpoint that takes a body")
        if source is not None and (to == source.vendor or (to is None and is_event(value))):
            return await self._event(source, value)
        lanes = await self._payload(value)
        return {"kind": "payload", "source": None, "intake": None, "lanes": lanes} | self._end

    @property
    def _end(self) -> Told:
        return {"notes": self._notes}

    def _source(self) -> Account | None:
        for name, room in self._rooms.items():
            if room.contract.role == "source":
                return self._account(name)
        return None

    def _account(self, vendor: str) -> Account:
        account = self._accounts.open(vendor, self._rooms[vendor].contract.key(NAME))
        account.clock.freeze(self._at)
        return account

    async def _event(self, source: Account, value: Any) -> Told:
        """A call to the source, and what it publishes to every vendor."""
        published: list[Mapping[str, Any]] = []
        self._accounts.forward = lambda _, events: published.extend(events)
        value = self._first(value, source)
        told, place = await self._sent(source, value)
        event = published[0] if published else None
        outcome, rule = _became(told)
        intake = Intake([Arrival(told, outcome, rule, place)], value, event)
        lanes: list[Told] = []
        if event is not None:
            vendors = [vendor for vendor in translated_vendors() if vendor in self._rooms]
            await self._set_up(vendors, [event])
            lanes = [await self._translated(vendor, event) for vendor in vendors]
        taken = taken_in(intake, event, source, Veil(()))
        for arrival in taken["arrivals"]:
            arrival["exchange"] = None  # there is nothing to look at when this is over
        title = source.room.contract.title
        return {"kind": "event", "source": title, "intake": taken, "lanes": lanes} | self._end

    def _first(self, value: Any, source: Account) -> Any:
        """One event of several."""
        inside = next((one.inside for one in source.room.contract.layouts), None)
        several = value.get(inside) if isinstance(value, dict) and inside else value
        if not isinstance(several, list):
            return value
        if not several:
            raise Unplayable("There is no event in the list.")
        if len(several) > 1:
            self._notes.append(f"Of {len(several):,} events the first is shown.")
        if not isinstance(several[0], dict):
            raise Unplayable("The first of the list is no event: that is a JSON object.")
        return several[0]

    async def _sent(self, source: Account, event: Any) -> tuple[Exchange, str]:
        """A call to the source as an SDK sends it, and where in the body the event is."""
        contract, place = source.room.contract, "$"
        calls = {one.name: one for one in contract.endpoints if one.event is not None}
        kind = event.get("type") or ("track" if "event" in event else None)
        endpoint, body = calls.get(kind) if isinstance(kind, str) else None, event
        if endpoint is None:  # no path is for it; in a list, the source says what it thinks of it
            inside = contract.layouts[0].inside or ""
            endpoint, body, place = calls[inside], {inside: [event]}, f"$.{inside}[0]"
        asked = VendorRequest(
            source.vendor, endpoint.name, endpoint.method, endpoint.paths[0], body
        )
        return await posted(asked, source, self._board), place

    async def _set_up(self, vendors: Sequence[str], events: Sequence[Mapping[str, Any]]) -> None:
        accounts = {vendor: self._account(vendor) for vendor in vendors}
        if not self._play.bare:
            self._notes += await set_up(accounts, events, self._board)

    async def _translated(self, vendor: str, event: Mapping[str, Any]) -> Told:
        settings = self._play.settings.get(vendor, local(vendor))
        made = translated(vendor, event, settings)
        requests = [_request(vendor, one) for one in made["requests"]]
        return await self._lane(vendor, made, requests)

    async def _payload(self, value: Any) -> list[Told]:
        """The payload to each vendor, or to the one endpoint that is wanted."""
        wanted = self._play.to
        chosen = [
            (contract, endpoint)
            for contract, endpoint in endpoints(self._rooms)
            if (
                f"{contract.vendor}/{endpoint.name}" == wanted
                if wanted
                else main(contract, endpoint)
            )
        ]
        sent = [(c, e, wrapped(value, c, e)) for c, e in chosen]
        sent.sort(key=lambda one: -likeness(value, one[1]))
        for contract, endpoint, body in sent:
            events = list(islice(as_events(contract, endpoint, body), CUSTOMERS))
            await self._set_up([contract.vendor], events)
        lanes = [await self._posted(c, e, body) for c, e, body in sent]
        return sorted(lanes, key=lambda lane: lane["delivery"] == "refused")

    async def _posted(self, contract: Contract, endpoint: Endpoint, body: Any) -> Told:
        asked = VendorRequest(
            contract.vendor, endpoint.name, endpoint.method, endpoint.paths[0], body
        )
        told = {
            "endpoint": endpoint.name,
            "method": endpoint.method,
            "path": endpoint.paths[0],
            "key": None,
            "body": shallow(body),
            "findings": [],
        }
        made: Told = {"requests": [told], "trace": [], "dropped": [], "refused": None}
        return await self._lane(contract.vendor, made, [asked])

    async def _lane(self, vendor: str, made: Told, requests: Sequence[VendorRequest]) -> Told:
        account = self._account(vendor)
        told = [await posted(request, account, self._board) for request in requests]
        contract, veil = account.room.contract, Veil(())
        for request, exchange in zip(made["requests"], told, strict=True):
            request["findings"] = findings(exchange.findings, contract, veil)
        refused = any(exchange.verdict == "refused" for exchange in told)
        lane: Told = {
            "vendor": vendor,
            "title": contract.title,
            "forwarding": "on",
            "account": {"account": NAME, "handle": account.handle} if told else None,
            "translation": made,
            "delivery": None if not told else "refused" if refused else "delivered",
            "reason": None,
            "code": None,
            "due": None,
            "attempts": [answered(exchange) for exchange in told],
            "ledger": booked(told, account, ()),
        }
        for entry in lane["ledger"]["entries"]:
            entry["exchange"] = None
        return {**lane, "standing": standing(lane)}


def _request(vendor: str, told: Mapping[str, Any]) -> VendorRequest:
    names = ("endpoint", "method", "path", "body", "key")
    return VendorRequest(vendor, *(told[name] for name in names))


def _became(told: Exchange) -> tuple[Any, str | None]:
    """What became of the one event of a call to the source."""
    for effects in told.effects:
        for item in effects.items:
            return fate(effects, effects.usages(item)[0])
    return "rejected", next((found.rule for found in told.findings), None)
