"""What is on its way to each destination, and what became of it: the types, and what keeps them.

`sqlite.py` keeps it in a file or in memory, `postgres.py` for several forwarders together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from contracts.model import MeterboxError
from translators.forwarding.outcome import Attempt, Dead, Delivered, Filtered, Outcome
from translators.request import VendorRequest

__all__ = ["Delivery", "Listed", "Outbox", "OutboxFault", "Position", "customer"]


class OutboxFault(MeterboxError):
    """The outbox cannot be opened, read or written. What was not answered as kept is not kept."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one vendor.

    `requests` is None until the event is translated, and the first `sent` of them are delivered.
    `outcome` is None before the first try, a Retry while the next, `due` after `wait`, is awaited.
    """

    number: int
    origin: str
    vendor: str
    event: Mapping[str, Any]
    accepted: datetime
    requests: tuple[VendorRequest, ...] | None = None
    sent: int = 0
    attempts: tuple[Attempt, ...] = ()
    outcome: Outcome | None = None
    wait: timedelta = timedelta()
    due: datetime | None = None

    def tried(self, attempts: tuple[Attempt, ...]) -> Delivery:
        """The same after these tries, which decided nothing yet."""
        # Spelled out, here and below: `replace` takes ten times as long, for every event.
        whose = (self.number, self.origin, self.vendor, self.event, self.accepted)
        return Delivery(*whose, self.requests, self.sent, attempts)

    def came_to(self, outcome: Outcome | None, *, sent: int | None = None) -> Delivery:
        """The same with what became of it, and how many of its requests are delivered."""
        whose = (self.number, self.origin, self.vendor, self.event, self.accepted)
        done = self.sent if sent is None else sent
        return Delivery(*whose, self.requests, done, self.attempts, outcome)

    def opened(self, requests: tuple[VendorRequest, ...]) -> Delivery:
        """The same with the requests that its event becomes."""
        whose = (self.number, self.origin, self.vendor, self.event, self.accepted)
        stands = (self.sent, self.attempts, self.outcome, self.wait, self.due)
        return Delivery(*whose, requests, *stands)

    @property
    def settled(self) -> bool:
        """Whether nothing more will be tried."""
        return isinstance(self.outcome, Delivered | Dead | Filtered)

    @property
    def reason(self) -> str | None:
        """Why it is not delivered (yet); None when it is, or was not tried."""
        if self.outcome is None or isinstance(self.outcome, Delivered):
            return None
        return self.outcome.reason


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source is read: everything before `offset`, in the source's own count."""

    source: str
    offset: int


class Outbox(Protocol):
    """Keeps events until each destination has them; nothing of it knows a vendor.

    What was added is safe once `written` returns. A delivery that was claimed is nobody else's
    until it is put back: settled, or to be tried again, or as it was. Every method that touches
    the disk raises OutboxFault.
    """

    poll: float | None
    """Seconds after which to look for what others have added; None where there are no others."""

    def add(
        self,
        origin: str,
        vendors: Sequence[str],
        events: Sequence[Mapping[str, Any]],
        at: datetime,
        position: Position | None = None,
    ) -> None:
        """Take events for each of these vendors, and note how far their source is read."""

    async def written(self) -> None:
        """Return once everything added so far is on disk. One commit serves all who wait."""

    async def position(self, source: str) -> int:
        """How far a source was read; 0 when it was not."""

    async def lanes(self) -> Sequence[tuple[str, str]]:
        """Every vendor and origin for which something waits."""

    async def claim(
        self, vendor: str, origin: str, now: datetime, most: int, *, ordered: bool = False
    ) -> Sequence[Delivery]:
        """Deliveries that may be tried now, oldest first, and this forwarder's until it puts them.

        `ordered` leaves out those of a customer for whom an earlier one is under way or waits.
        """

    async def due(self, vendor: str, origin: str, *, ordered: bool = False) -> datetime | None:
        """When the first that nobody has claimed may be tried; None when there is none.

        `ordered` looks at the first of each customer alone.
        """

    async def put(self, deliveries: Sequence[Delivery]) -> None:
        """Keep claimed deliveries as they stand now. One that was forgotten stays forgotten."""

    async def waiting(self) -> int:
        """How many deliveries are not settled, claimed or not."""

    async def idle(self) -> bool:
        """Whether every delivery is settled."""

    def forget(self, origin: str) -> None:
        """Hold nothing of an origin any more."""

    async def close(self) -> None:
        """Write what is not written, let go of what is claimed, and close."""


@runtime_checkable
class Listed(Outbox, Protocol):
    """An outbox that tells at once of what it holds."""

    def of(self, origin: str) -> Sequence[Delivery]:
        """An origin's deliveries as they stand, oldest first, as many as it lists."""

    def dropped(self, origin: str) -> int:
        """How many settled deliveries of an origin are no longer kept."""


def customer(event: Mapping[str, Any]) -> str | None:
    """Whose event it is, as far as order goes: the user, or else the anonymous one."""
    for name in ("userId", "anonymousId"):
        value = event.get(name)
        if isinstance(value, str) and value:
            # Half a character is no text to a database, and would keep it from all that comes.
            return value.encode("utf-8", "backslashreplace").decode()
    return None
