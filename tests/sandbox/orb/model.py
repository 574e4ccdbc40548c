"""A small model of Orb's events: everything is in one list, and everything is worked out anew.

It shares no code with the room. What is billed follows from one sentence: an event counts unless
it was amended, deprecated or replaced, or came with a backfill that does not count.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

__all__ = ["GRACE", "Backfill", "Event", "Model", "Record"]

GRACE = timedelta(hours=12)
AHEAD = timedelta(minutes=5)


@dataclass(frozen=True)
class Event:
    key: str
    at: datetime
    customer: str
    name: str
    n: int
    flag: str = "1"  # the JSON of another property: 1 and true differ


@dataclass
class Backfill:
    start: datetime
    end: datetime
    close_time: datetime
    customer: str | None  # one holder of a name: acme#1
    replace: bool
    above: int | None  # the filter: n > above
    status: str = "pending"
    place: int = 0

    def covers(self, event: Event, owner: str | None) -> bool:
        return (
            self.replace
            and self.start <= event.at < self.end
            and self.customer in (None, owner)
            and (self.above is None or event.n > self.above)
        )


@dataclass
class Record:
    event: Event
    came: datetime
    place: int
    source: Backfill | None = None
    amends: bool = False
    over: bool = False  # amended since
    gone: str | None = None  # the customer it went with

    @property
    def visible(self) -> bool:
        return self.source is None or self.source.status == "reflected"

    @property
    def undone(self) -> bool:
        return self.source is not None and self.source.status == "reverted"


@dataclass
class Model:
    records: list[Record] = field(default_factory=list)
    backfills: list[Backfill] = field(default_factory=list)
    customers: dict[str, str] = field(default_factory=dict)  # name -> who holds it now
    deprecated: set[str] = field(default_factory=set)
    place: int = 0

    def next(self) -> int:
        self.place += 1
        return self.place

    def settle(self, now: datetime) -> None:
        """Reflect what closed by now, in order of closing."""
        due = [b for b in self.backfills if b.status == "pending" and b.close_time <= now]
        for backfill in sorted(due, key=lambda b: b.close_time):
            backfill.status, backfill.place = "reflected", self.next()

    def appear(self, name: str) -> None:
        self.customers[name] = f"{name}#{self.next()}"

    def vanish(self, name: str) -> None:
        """What came for a customer goes with it, and is nobody else's later."""
        holder = self.customers.pop(name)
        for record in self.records:
            if record.event.customer == name and record.gone is None:
                record.gone = holder

    def owner(self, record: Record) -> str | None:
        return record.gone or self.customers.get(record.event.customer)

    def counts(self, record: Record) -> bool:
        if record.gone is not None:
            return False
        if record.over or record.event.key in self.deprecated or not record.visible:
            return False
        return not any(self.replaced(record, b) for b in self.backfills)

    def replaced(self, record: Record, by: Backfill) -> bool:
        if (
            by is record.source
            or by.status != "reflected"
            or not by.covers(record.event, self.owner(record))
        ):
            return False
        if by.above is not None and record.source is None and not record.amends:
            return True
        plain = record.source is None or record.amends
        return (record.place if plain else record.source.place) < by.place  # type: ignore[union-attr]  # not plain: there is one

    def of(self, key: str) -> list[Record]:
        return [record for record in self.records if record.event.key == key]

    # What it is asked

    def ingest(self, events: list[Event], now: datetime) -> int:
        if not all(now - GRACE <= e.at <= now + AHEAD for e in events):
            return 400
        if any(e.key in self.deprecated for e in events):
            return 400
        for event in events:
            if not self.known(event.key, now):
                self.records.append(Record(event, now, self.next()))
        return 200

    def known(self, key: str, now: datetime) -> bool:
        return any(not r.undone and not r.amends and now - r.came <= GRACE for r in self.of(key))

    def fill(self, events: list[Event], into: Backfill, now: datetime) -> int:
        if into.status != "pending" or now >= into.close_time:
            return 400
        for event in events:
            if not into.start <= event.at < into.end or event.key in self.deprecated:
                return 400
            if into.customer not in (None, self.customers.get(event.customer)):
                return 400
        for event in events:
            if not self.brought(event.key, into, now):
                self.records.append(Record(event, now, self.next(), into))
        return 200

    def brought(self, key: str, into: Backfill, now: datetime) -> bool:
        there = [record for record in self.of(key) if not record.undone]
        if any(r.source is into and not r.amends for r in there):
            return True
        standing = [record for record in there if not record.over]
        return self.known(key, now) and not all(
            into.covers(r.event, self.owner(r)) for r in standing
        )

    def amend(self, event: Event, now: datetime) -> int:
        if not any(record.visible for record in self.of(event.key)):
            return 404
        counting = [record for record in self.of(event.key) if self.counts(record)]
        if not counting:
            return 400
        before = counting[-1]
        same = (event.at, event.customer) == (before.event.at, before.event.customer)
        if not same or event.customer not in self.customers:
            return 400
        if event != before.event:
            for record in counting:
                record.over = True
            self.records.append(Record(event, now, self.next(), before.source, amends=True))
        return 200

    def deprecate(self, key: str) -> int:
        there = [record for record in self.of(key) if record.visible]
        if not there:
            return 404
        last = self.owner(there[-1])
        if key not in self.deprecated and last not in self.customers.values():
            return 400
        self.deprecated.add(key)
        return 200

    def create(self, new: Backfill, now: datetime) -> int:
        boundary = now if new.above is not None else now - GRACE
        if new.end > boundary:
            return 400
        for other in self.backfills:
            meet = other.start < new.end and new.start < other.end
            scopes = {other.customer, new.customer}
            if other.status == "pending" and meet and (None in scopes or len(scopes) == 1):
                return 400
        self.backfills.append(new)
        return 200

    def close(self, backfill: Backfill, now: datetime) -> int:
        if backfill.status == "reverted":
            return 400
        if backfill.status == "pending":
            backfill.close_time = now
        return 200

    def revert(self, backfill: Backfill) -> int:
        backfill.status = "reverted"
        return 200

    # What it tells

    def billed(self) -> dict[tuple[str, str], int]:
        return dict(
            Counter(
                (r.event.customer, r.event.name)
                for r in self.records
                if r.event.customer in self.customers and self.counts(r)
            )
        )

    def found(self, start: datetime, end: datetime) -> list[tuple[str, str, str, bool]]:
        rows = []
        for key in {record.event.key for record in self.records}:
            there = [r for r in self.of(key) if r.visible and r.gone is None]
            for r in [r for r in there if self.counts(r)] or there[-1:]:
                if start <= r.event.at < end:
                    rows.append((key, r.event.name, r.event.flag, not self.counts(r)))
        return sorted(rows)

    def hours(self) -> dict[datetime, int]:
        return dict(
            Counter(r.event.at.replace(minute=0, second=0) for r in self.records if self.counts(r))
        )
