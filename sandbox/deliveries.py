"""The forwarder beside a sandbox: where its deliveries go, and how they are shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from contracts.model import MeterboxError
from contracts.reader import read
from sandbox.account import Account, Accounts
from sandbox.clock import iso, wall
from sandbox.excerpt import DEEPEST, shallow
from sandbox.veil import Veil

if TYPE_CHECKING:
    from httpx import AsyncBaseTransport

    from translators.forwarding.delivery import Target
    from translators.forwarding.letters import Letters
    from translators.forwarding.outbox import Delivery, Outbox
    from translators.forwarding.terms import Terms
    from translators.forwarding.worker import Forwarder

__all__ = ["Destination", "Forwarding", "connect", "origin_of"]

SEPARATOR = "\n"


class UnknownOrigin(MeterboxError):
    """Nobody knows the account that events came from, whose vendors' keys are made of its own."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"{origin!r} is no account here; give the destination a key.")


@dataclass(frozen=True)
class Destination:
    """A vendor to forward to. Without `base_url` it is the sandbox itself; without `key`, an
    account for each source key, so that a new source key has new vendors too."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    base_url: str | None = None
    key: str | None = field(default=None, repr=False)


@dataclass
class Forwarding:
    """A forwarder, the accounts whose clocks it waits on, and where it delivers to, by vendor."""

    forwarder: Forwarder
    accounts: Accounts
    destinations: Mapping[str, Destination] = field(default_factory=dict)

    def accept(self, source: Account, events: Sequence[Mapping[str, Any]]) -> None:
        """Take events of a source key; `written` tells when they are safe."""
        self.forwarder.take(origin_of(source), events)

    async def written(self) -> None:
        """Return once everything that was accepted is safe. Raises OutboxFault."""
        await self.forwarder.written()

    def told(self, source: Account) -> list[dict[str, Any]]:
        """A source key's deliveries, oldest first."""
        veil, origin = Veil([source.key]), origin_of(source)
        found = self.forwarder.deliveries(origin)
        return [veil.node(_delivery(delivery)) for delivery in found]

    def of(self, source: Account, events: Collection[str]) -> Sequence[Delivery]:
        """The deliveries of some of a source key's events, oldest first. Raises OutboxFault."""
        return self.forwarder.deliveries(origin_of(source), events)

    def account(self, source: Account, vendor: str) -> Account | None:
        """The account here that a source key's events for a vendor come to, if there is one."""
        to = self.destinations.get(vendor)
        if to is None or to.base_url is not None:
            return None
        key = to.key or _Origins(self.accounts).key(origin_of(source), vendor)
        return self.accounts.find(vendor, key)

    def pending(self, source: Account) -> Iterator[datetime]:
        """When deliveries of a source key are tried again, of those that wait for it."""
        for delivery in self.forwarder.deliveries(origin_of(source)):
            if delivery.due is not None and not delivery.settled:
                yield delivery.due

    def letters(self) -> Letters:
        """What could not be delivered, of every source key. Raises OutboxFault."""
        return self.forwarder.letters()

    def now(self, origin: str) -> datetime:
        """The time on the clock of an origin."""
        return _Origins(self.accounts).now(origin)

    async def look(self) -> None:
        """Deliver what waits again."""
        await self.forwarder.look()

    def forget(self, source: Account) -> None:
        """Send none of a source key's pending deliveries, and tell of none that were made."""
        self.forwarder.forget(origin_of(source))


def connect(
    accounts: Accounts,
    destinations: Mapping[str, Destination],
    inside: Callable[[], AsyncBaseTransport],
    *,
    seed: int,
    terms: Terms,
    scale: float,
    batching: bool = False,
    outbox: Outbox | None = None,
    timeout: float | None = None,
) -> Forwarding:
    """A forwarder from every source account to these destinations; `inside` reaches the sandbox.

    `timeout` is in seconds, for one try; None leaves it as Segment has it. The outbox is in memory
    unless another is given.
    """
    from translators.forwarding import delivery, worker
    from translators.forwarding.inside import Inside

    origins, transport = _Origins(accounts), Inside(inside())
    lanes = [
        worker.Destination(vendor, to.settings, partial(_target, origins, vendor, to, transport))
        for vendor, to in destinations.items()
    ]
    forwarder = worker.Forwarder(
        lanes,
        origins.sleep,
        origins.now,
        Random(f"{seed}:forwarder"),
        terms=terms,
        scale=scale,
        batching=batching,
        outbox=outbox,
        courier=delivery.Courier() if timeout is None else delivery.Courier(timeout),
    )
    return Forwarding(forwarder, accounts, destinations)


def _target(
    origins: _Origins, vendor: str, to: Destination, transport: AsyncBaseTransport, origin: str
) -> Target:
    """Where a source key's deliveries to a vendor go, and with which key."""
    from translators.forwarding.delivery import Target

    key = to.key or origins.key(origin, vendor)
    if to.base_url is not None:
        return Target(to.base_url, key)
    return Target(f"http://127.0.0.1/{vendor}", key, transport)


@dataclass(frozen=True)
class _Origins:
    """The accounts that deliveries come from, on whose clocks the forwarder waits.

    An outbox may know of origins from before, or that are no accounts: they go by the wall clock.
    """

    accounts: Accounts

    def now(self, origin: str) -> datetime:
        account = self._account(origin)
        return wall() if account is None else account.clock.now()

    async def sleep(self, origin: str, length: timedelta) -> None:
        account = self._account(origin)
        if account is None:
            await asyncio.sleep(length.total_seconds())
        else:
            await account.clock.sleep(length)

    def key(self, origin: str, vendor: str) -> str:
        """The key of the vendor's account that goes with a source key."""
        account = self._account(origin)
        if account is None:
            raise UnknownOrigin(origin)
        return read(vendor).key(read(account.vendor).name(account.key))

    def _account(self, origin: str) -> Account | None:
        vendor, separator, handle = origin.partition(SEPARATOR)
        return self.accounts.find(vendor, handle) if separator else None


def origin_of(source: Account) -> str:
    """An account without its key: the outbox keeps no secrets."""
    return f"{source.vendor}{SEPARATOR}{source.handle}"


def _delivery(delivery: Delivery) -> dict[str, Any]:
    outcome = type(delivery.outcome).__name__.lower() if delivery.outcome is not None else "pending"
    return {
        "vendor": delivery.vendor,
        "event": delivery.event.get("messageId"),
        "outcome": outcome,
        "reason": delivery.reason,
        "code": getattr(delivery.outcome, "code", None),
        "requests": [
            {"method": r.method, "path": r.path, "body": shallow(r.body, DEEPEST)}
            for r in delivery.requests or ()
        ],
        "attempts": [
            {
                "time": iso(attempt.at),
                "waited": attempt.waited.total_seconds(),
                "status": attempt.status,
                "exchange": attempt.exchange,
                "answer": attempt.excerpt,
                "outcome": type(attempt.outcome).__name__.lower(),
            }
            for attempt in delivery.attempts
        ],
    }
