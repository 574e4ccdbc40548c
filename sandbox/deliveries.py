"""The forwarder beside a sandbox: where its deliveries go, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from contracts.reader import read
from sandbox.account import Account, Accounts
from sandbox.clock import iso

if TYPE_CHECKING:
    from httpx import AsyncBaseTransport

    from translators.forwarding.delivery import Target
    from translators.forwarding.outbox import Delivery
    from translators.forwarding.worker import Forwarder

__all__ = ["Destination", "Forwarding", "connect"]

SEPARATOR = "\n"


@dataclass(frozen=True)
class Destination:
    """A vendor to forward to. Without `base_url` it is the sandbox itself; without `key`, an
    account for each source key, so that a new source key has new vendors too."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    base_url: str | None = None
    key: str | None = field(default=None, repr=False)


@dataclass
class Forwarding:
    """A forwarder and the accounts whose clocks it waits on."""

    forwarder: Forwarder
    accounts: Accounts

    def accept(self, source: Account, events: Sequence[Mapping[str, Any]]) -> None:
        for event in events:
            self.forwarder.accept(_origin(source), event)

    def told(self, source: Account) -> list[dict[str, Any]]:
        """A source key's deliveries, oldest first."""
        return [_delivery(delivery) for delivery in self.forwarder.deliveries(_origin(source))]

    def forget(self, source: Account) -> None:
        """Send none of a source key's pending deliveries, and tell of none that were made."""
        self.forwarder.forget(_origin(source))


def connect(
    accounts: Accounts,
    destinations: Mapping[str, Destination],
    inside: Callable[[], AsyncBaseTransport],
    *,
    seed: int,
    concurrency: int,
    scale: float,
    timeout: float | None = None,
) -> Forwarding:
    """A forwarder from every source account to these destinations; `inside` reaches the sandbox.

    `timeout` is in seconds, for one try; None leaves it as Segment has it.
    """
    from translators.forwarding import delivery, worker
    from translators.forwarding.inside import Inside

    origins, transport = _Origins(accounts), Inside(inside())
    lanes = [
        worker.Destination(vendor, to.settings, partial(_target, vendor, to, transport))
        for vendor, to in destinations.items()
    ]
    chance = Random(f"{seed}:forwarder")
    courier = delivery.Courier() if timeout is None else delivery.Courier(timeout)
    forwarder = worker.Forwarder(
        lanes,
        origins.sleep,
        origins.now,
        chance,
        terms=worker.Terms(concurrency),
        scale=scale,
        courier=courier,
    )
    return Forwarding(forwarder, accounts)


def _target(vendor: str, to: Destination, transport: AsyncBaseTransport, origin: str) -> Target:
    """Where a source key's deliveries to a vendor go, and with which key."""
    from translators.forwarding.delivery import Target

    source, _, written = origin.partition(SEPARATOR)
    key = to.key or read(vendor).key(read(source).name(written))
    if to.base_url is not None:
        return Target(to.base_url, key)
    return Target(f"http://127.0.0.1/{vendor}", key, transport)


@dataclass(frozen=True)
class _Origins:
    """The accounts that deliveries come from, on whose clocks the forwarder waits."""

    accounts: Accounts

    def now(self, origin: str) -> datetime:
        return self._account(origin).clock.now()

    async def sleep(self, origin: str, length: timedelta) -> None:
        await self._account(origin).clock.sleep(length)

    def _account(self, origin: str) -> Account:
        vendor, _, key = origin.partition(SEPARATOR)
        return self.accounts.open(vendor, key)


def _origin(source: Account) -> str:
    return f"{source.vendor}{SEPARATOR}{source.key}"


def _delivery(delivery: Delivery) -> dict[str, Any]:
    outcome = type(delivery.outcome).__name__.lower() if delivery.outcome is not None else "pending"
    return {
        "vendor": delivery.vendor,
        "event": delivery.event.get("messageId"),
        "outcome": outcome,
        "reason": delivery.reason,
        "code": getattr(delivery.outcome, "code", None),
        "requests": [
            {"method": r.method, "path": r.path, "body": r.body} for r in delivery.requests or ()
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
