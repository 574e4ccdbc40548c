"""The usage that Kana has recorded, by user and feature, with the time it was recorded at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from sandbox.kana.periods import Reset, period
from sandbox.reply import Usage

__all__ = ["Records"]

Span = tuple[datetime, datetime]


@dataclass(slots=True)
class Tally:
    """One user's usage of one feature. `span` is the period asked for last, and `total` what the
    first `counted` entries come to in it: asking again costs the new ones only. So it is with
    `sums`, what the first `summed` come to in each period of the subscription asked for last."""

    entries: list[tuple[datetime, int]] = field(default_factory=list)
    span: Span | None = None
    total: int = 0
    counted: int = 0
    asked: tuple[datetime, Reset] | None = None
    sums: dict[Span, int] = field(default_factory=dict)
    summed: int = 0

    def within(self, span: Span) -> int:
        if span != self.span:
            self.span, self.total, self.counted = span, 0, 0
        start, end = span
        new = self.entries[self.counted :]
        self.total += sum(amount for at, amount in new if start <= at < end)
        self.counted = len(self.entries)
        return self.total

    def periods(self, since: datetime, reset: Reset) -> dict[Span, int]:
        """Each period since then in which something was recorded, and what it comes to."""
        if (since, reset) != self.asked:
            self.asked, self.sums, self.summed = (since, reset), {}, 0
        span: Span | None = None
        for at, amount in self.entries[self.summed :]:
            if at < since:
                continue
            if span is None or not span[0] <= at < span[1]:
                span = period(since, reset, at)
            self.sums[span] = self.sums.get(span, 0) + amount
        self.summed = len(self.entries)
        return self.sums


class Records:
    """Usage by user and then by event, and what it comes to in a period."""

    def __init__(self) -> None:
        self._usages: dict[str, dict[str, tuple[datetime, Usage]]] = {}
        self._tallies: dict[tuple[str, str], Tally] = {}

    def add(self, usage: Usage, at: datetime) -> Usage:
        """Record one event's usage of one feature, a whole number of it, for a user that is."""
        assert usage.customer is not None
        assert usage.meter is not None
        self._usages.setdefault(usage.customer, {})[usage.event] = at, usage
        tally = self._tallies.setdefault((usage.customer, usage.meter), Tally())
        tally.entries.append((at, int(usage.quantity)))
        return usage

    def used(self, user: str, feature: str, span: Span) -> int:
        """What was used from the span's begin until before its end."""
        tally = self._tallies.get((user, feature))
        return tally.within(span) if tally is not None else 0

    def past(
        self, user: str, feature: str, since: datetime, reset: Reset, before: datetime
    ) -> Iterator[tuple[Span, int]]:
        """The periods that ended by `before` in which something was recorded, oldest first."""
        tally = self._tallies.get((user, feature), Tally())
        sums = sorted(tally.periods(since, reset).items())
        yield from ((span, total) for span, total in sums if span[1] <= before)

    def count(self, user: str) -> int:
        """How many usages a user has."""
        return len(self._usages.get(user, ()))

    def move(self, old: str, new: str) -> list[Usage]:
        """Make one user's usage another's; answers it as it is now."""
        moved = [(at, replace(usage, customer=new)) for at, usage in self._taken(old)]
        return [self.add(usage, at) for at, usage in moved]

    def forget(self, user: str) -> list[Usage]:
        """Lose a user's usage; answers it as it was."""
        return [usage for _, usage in self._taken(user)]

    def _taken(self, user: str) -> list[tuple[datetime, Usage]]:
        for place in [place for place in self._tallies if place[0] == user]:
            del self._tallies[place]
        return list(self._usages.pop(user, {}).values())
