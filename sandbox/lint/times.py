"""Times: without a zone, ahead of now, too old, and at the midnight of somebody's zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts import durations
from contracts.layout import Layout
from contracts.model import Contract, Rule
from sandbox.clock import iso
from sandbox.lint import advice
from sandbox.lint.advice import Level
from sandbox.lint.cause import Cause, Tally
from sandbox.lint.usage import Usage

__all__ = ["Times"]

AHEAD = timedelta(minutes=5)
"""How far clocks may be apart, where the vendor says nothing of it."""
FEWEST = 10
"""Events at one midnight, below which that is chance."""
HALF_HOUR = 30


class Times:
    """Judges the time of each event as of `now`; `settings` are switches that are set otherwise."""

    def __init__(
        self,
        contract: Contract,
        layout: Layout,
        now: datetime,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._field, self._now = layout.time, now
        self._title = contract.title
        self._oldest = contract.rules.get(layout.oldest or "")
        self._ahead = contract.rules.get(layout.ahead or "")
        self._allowed = _length(self._oldest, settings or {})
        self._earliest = None if self._allowed is None else now - self._allowed
        self._latest = now + (_length(self._ahead, settings or {}) or AHEAD)
        self._no_zone, self._future, self._late = Tally(), Tally(), Tally()
        self._first = self._farthest = now
        self._midnights = _Midnights()
        self._timed = 0

    def see(self, usage: Usage) -> None:
        at = usage.moment
        if at is None:
            return
        if at.tzinfo is None:
            self._no_zone.add(usage.place(self._field))
            at = at.replace(tzinfo=UTC)
        self._timed += 1
        if at > self._latest:
            self._future.add(usage.place(self._field))
            self._farthest = max(self._farthest, at)
        elif self._earliest is not None and at < self._earliest:
            self._late.add(usage.place(self._field))
            self._first = min(self._first, at)
        if at.second == 0 and at.microsecond == 0 and at.minute % HALF_HOUR == 0:
            self._midnights.add(at, usage, self._field)

    def causes(self) -> Iterator[Cause]:
        """What the times seen so far come to."""
        known = advice.read()
        if self._no_zone.count:
            told = "the time has neither Z nor an offset"
            yield self._no_zone.cause(known["lint.time.no-zone"], told)
        if self._future.count:
            ahead = _rough(self._farthest - self._now)
            told = f"the time is up to {ahead} ahead of {iso(self._now)}"
            yield self._future.cause(known["lint.time.future"], told, self._ahead)
        yield from self._too_late()
        yield from self._midnights.causes(self._timed)

    def _too_late(self) -> Iterator[Cause]:
        if not self._late.count or self._allowed is None:
            return
        limit, old = durations.text(self._allowed), _rough(self._now - self._first)
        told = f"older than the {limit} that {self._title} takes: up to {old}, as of "
        told += iso(self._now)
        level: Level | None = None
        if self._late.count == self._timed:
            # Then it is the file that is old, and when it was to be sent nobody can tell.
            told += "; all events are: if they were recorded earlier, say when with --now"
            level = "note"
        rule = advice.read()["lint.time.late"]
        yield self._late.cause(rule, told, self._oldest, level)


class _Midnights:
    """Events at full and half hours, by the half hour of the day: at midnight somewhere."""

    def __init__(self) -> None:
        self._tallies: dict[int, Tally] = {}
        self._written: dict[int, int] = {}
        self._days: dict[int, set[int]] = {}

    def add(self, at: datetime, usage: Usage, field: str) -> None:
        utc = at.astimezone(UTC)
        half = utc.hour * 2 + utc.minute // HALF_HOUR
        self._tallies.setdefault(half, Tally()).add(usage.place(field))
        if at.hour == at.minute == 0:
            self._written[half] = self._written.get(half, 0) + 1
        days = self._days.setdefault(half, set())
        if len(days) < 2:
            days.add(utc.toordinal())

    def causes(self, timed: int) -> Iterator[Cause]:
        """Where one half hour has most of all events. A midnight that is written as one may be that
        of one day; noon in UTC is a midnight only if it comes each day."""
        for half, tally in self._tallies.items():
            one_day = len(self._days[half]) < 2 and self._written.get(half, 0) < tally.count
            if tally.count < FEWEST or tally.count * 2 < timed or one_day:
                continue
            clock = f"{half // 2:02}:{half % 2 * HALF_HOUR:02}:00"
            told = f"{tally.count:,} of {timed:,} events are at exactly {clock} UTC, which is "
            told += _zones(half)
            yield tally.cause(advice.read()["lint.time.midnight"], told)


def _length(rule: Rule | None, settings: Mapping[str, Any]) -> timedelta | None:
    """The length of time that a rule's switch says, as it is set or by default."""
    if rule is None or rule.switch is None or rule.switch.kind != "duration":
        return None
    given = settings.get(rule.id, rule.switch.default)
    return given if isinstance(given, timedelta) else durations.parse(given)


def _zones(half: int) -> str:
    """Where it is midnight then: offsets are from -12:00 to +14:00."""
    if half == 0:
        return "midnight in UTC"
    found = []
    if half <= 24:
        found.append(f"-{half // 2:02}:{half % 2 * HALF_HOUR:02}")
    if half >= 20:
        east = 48 - half
        found.append(f"+{east // 2:02}:{east % 2 * HALF_HOUR:02}")
    return f"midnight at {' and '.join(found)}"


def _rough(length: timedelta) -> str:
    """A length in its largest unit: `9d`, `5h`."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:,}{unit}"
    return f"{seconds}s"
