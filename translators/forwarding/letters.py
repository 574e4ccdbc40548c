"""Dead letters, and what was delivered and is to be sent again: an outbox beside its forwarder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from contracts import durations
from contracts.model import MeterboxError
from contracts.reader import read
from translators.forwarding.outbox import Delivery
from translators.forwarding.outcome import Retry

__all__ = ["ALL", "Kind", "Letters", "Unguarded", "Way", "Which", "guarded", "unsure"]

PAGE = 500
"""Deliveries that change in one transaction: a forwarder at work waits no longer than that."""
UNHEARD = ("EREFUSED", "ENOTFOUND", "429")
"""Tries that came to nothing before the vendor looked at them."""
Kind = Literal["dead", "delivered", "over"]
"""`over` is all that is settled and not dead."""


class Unguarded(MeterboxError):
    """The vendor may bill once more what it billed before."""


@dataclass(frozen=True, slots=True)
class Which:
    """Some of the settled deliveries. `since`, included, and `until`, excluded, are about when the
    event was accepted, `before` is about when it was settled; what is None leaves nothing out."""

    vendor: str | None = None
    origin: str | None = None
    numbers: tuple[int, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: datetime | None = None


ALL = Which()


@dataclass(frozen=True, slots=True)
class Way:
    """From one origin to one vendor; `lane` is the engine's own word for it."""

    lane: Any
    vendor: str
    origin: str


class Letters(ABC):
    """Works on an outbox beside the forwarders it has, which take notice within their poll.

    Everything is done in short transactions, so that a change may be made in part when it fails.
    Every method raises OutboxFault.
    """

    def dead(self, which: Which = ALL) -> Iterator[Delivery]:
        """Dead letters, those of a vendor and an origin together and oldest first."""
        for way in self._ways(which):
            for page, _ in self._pages("dead", way, which, len):
                yield from page

    def retry(self, which: Which = ALL) -> int:
        """Have dead letters wait again, with no try made; how many. A delivery of several requests
        goes on with the one that failed."""
        return self._each("dead", which, partial(self._again, afresh=False))

    def drop(self, which: Which = ALL) -> int:
        """Let go of dead letters; how many."""
        return self._each("dead", which, self._gone)

    def replay(self, which: Which) -> int:
        """Have what was delivered wait again, to be sent as it was, with the same keys; how many.

        Whether the vendor then bills it again is for `guarded` to say.
        """
        return self._each("delivered", which, partial(self._again, afresh=True))

    def prune(self, before: datetime) -> int:
        """Let go of what was settled before a time, and is not dead; how many."""
        return self._each("over", Which(before=before), self._gone)

    def _each(
        self, kind: Kind, which: Which, change: Callable[[Way, Sequence[Delivery]], int]
    ) -> int:
        return sum(
            done
            for way in self._ways(which)
            for _, done in self._pages(kind, way, which, partial(change, way))
        )

    def _pages(
        self, kind: Kind, way: Way, which: Which, then: Callable[[Sequence[Delivery]], int]
    ) -> Iterator[tuple[Sequence[Delivery], int]]:
        """Page for page, each with what becomes of it in one transaction, and for how many.

        By number, not until none is left: what waits again may be settled again before the end.
        """
        after = 0
        while True:
            with self._transaction():
                page = self._page(kind, way, which, after)
                done = then(page) if page else 0
            if not page:
                return
            yield page, done
            after = page[-1].number

    def _ways(self, which: Which) -> Sequence[Way]:
        return [
            way
            for way in sorted(self._all_ways(), key=lambda way: (way.vendor, way.origin))
            if which.vendor in (None, way.vendor) and which.origin in (None, way.origin)
        ]

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[None]:
        """All or nothing; turns what the database raises into OutboxFault."""

    @abstractmethod
    def _all_ways(self) -> Sequence[Way]: ...

    @abstractmethod
    def _page(self, kind: Kind, way: Way, which: Which, after: int) -> Sequence[Delivery]:
        """At most PAGE settled deliveries whose number is greater than `after`, oldest first."""

    @abstractmethod
    def _again(self, way: Way, page: Sequence[Delivery], *, afresh: bool) -> int:
        """Let settled deliveries wait, from their first request if `afresh`; how many."""

    @abstractmethod
    def _gone(self, way: Way, page: Sequence[Delivery]) -> int:
        """Let go of settled deliveries, and of events that no other has; how many."""


def guarded(vendor: str, since: datetime, *, now: datetime) -> None:
    """Raises Unguarded unless the vendor is sure to know again what was accepted at `since`."""
    contract = read(vendor)
    memory, sure = contract.deduplicates, contract.remembers
    if sure is not None and since >= now - sure:
        return
    title, rule = contract.title, ""
    if memory is not None:
        rule = f" (rule {memory.rule}, {contract.rules[memory.rule].confidence})"
    if sure is None:
        why = f"{title} does not say how long it knows an event again{rule}"
    else:
        length = durations.text(sure)
        why = f"{title} is sure to know an event for {length} only{rule}, not since {_shown(since)}"
    raise Unguarded(f"{why}: what it billed may be billed again. --force sends it all the same.")


def unsure(delivery: Delivery) -> datetime | None:
    """Since when a delivery may be the vendor's without our knowing; None when it surely is not."""
    for attempt in delivery.attempts:
        if isinstance(attempt.outcome, Retry) and attempt.outcome.code not in UNHEARD:
            return attempt.at
    return None


def _shown(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
