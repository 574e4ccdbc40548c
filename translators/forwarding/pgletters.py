"""Dead letters and replay in an outbox in PostgreSQL, while forwarders may be at work on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from translators.forwarding import record
from translators.forwarding.letters import PAGE, Kind, Letters, Way, Which
from translators.forwarding.outbox import Delivery, OutboxFault, customer
from translators.forwarding.pgstore import Address
from translators.forwarding.pgtables import FORMAT
from translators.forwarding.postgres import digest

__all__ = ["PostgresLetters"]

PAGES = """
select s.number, accepted, body, s.sent, s.attempts, s.outcome
from meterbox.settled s join meterbox.events using (number)
where s.lane = %(lane)s and s.number > %(after)s"""
OF_KIND = {"dead": "kind = 'dead'", "delivered": "kind = 'delivered'", "over": "kind <> 'dead'"}
CONDITIONS = {
    "numbers": "s.number = any(%(numbers)s)",
    "since": "accepted >= %(since)s",
    "until": "accepted < %(until)s",
    "before": "s.at < %(before)s",
}
AGAIN = """
with gone as (
    delete from meterbox.settled where lane = %(lane)s and number = any(%(numbers)s)
    returning number
)
insert into meterbox.waiting (lane, number, customer, sent)
select %(lane)s, number, customer, sent from gone join unnest(
    %(numbers)s::bigint[], %(customers)s::uuid[], %(sent)s::int[]
) as again (number, customer, sent) using (number)
on conflict do nothing"""
GONE = "delete from meterbox.settled where lane = %(lane)s and number = any(%(numbers)s)"
OF_OTHERS = """
select 1 from meterbox.lanes its join meterbox.lanes l using (origin)
join meterbox.{} o on o.lane = l.lane and o.number = e.number where its.lane = %(lane)s"""
UNUSED = f"""
delete from meterbox.events e where number = any(%(numbers)s)
and not exists ({OF_OTHERS.format("waiting")}) and not exists ({OF_OTHERS.format("settled")})"""


class PostgresLetters(Letters):
    """In a database that has an outbox. Raises OutboxFault when it has none."""

    def __init__(self, url: str) -> None:
        self._address = Address(url)
        try:
            self._db: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
                self._address.conninfo, autocommit=True, options="-c timezone=UTC"
            )
        except psycopg.Error as fault:
            raise self._address.fault(fault) from fault
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._db.close()

    def _check(self) -> None:
        with self._transaction():
            found = self._db.execute("select to_regclass('meterbox.format')").fetchone()
            if found == (None,):
                raise OutboxFault(f"There is no outbox in {self._address.shown}.")
            row = self._db.execute("select version from meterbox.format").fetchone()
        if row != (FORMAT,):
            raise OutboxFault(f"The outbox {self._address.shown} has another format.")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._db.transaction():
                yield
        except psycopg.Error as fault:
            raise self._address.fault(fault) from fault

    def _all_ways(self) -> Sequence[Way]:
        with self._transaction():
            found = self._db.execute("select lane, vendor, origin from meterbox.lanes").fetchall()
        return [
            Way(lane, vendor, origin.decode("utf-8", "surrogatepass"))
            for lane, vendor, origin in found
        ]

    def _page(self, kind: Kind, way: Way, which: Which, after: int) -> Sequence[Delivery]:
        given = {name: value for name in CONDITIONS if (value := getattr(which, name)) is not None}
        if "numbers" in given:
            given["numbers"] = list(given["numbers"])
        where = "".join(f" and {CONDITIONS[name]}" for name in given)
        query = f"{PAGES} and {OF_KIND[kind]}{where} order by s.number limit {PAGE}"
        found = self._db.execute(query, {**given, "lane": way.lane, "after": after})
        return [_delivery(row, way) for row in found]

    def _again(self, way: Way, page: Sequence[Delivery], *, afresh: bool) -> int:
        values = {
            "lane": way.lane,
            "numbers": [each.number for each in page],
            "customers": [digest(customer(each.event)) for each in page],
            "sent": [0 if afresh else each.sent for each in page],
        }
        return self._db.execute(AGAIN, values).rowcount

    def _gone(self, way: Way, page: Sequence[Delivery]) -> int:
        values = {"lane": way.lane, "numbers": [each.number for each in page]}
        done = self._db.execute(GONE, values).rowcount
        self._db.execute(UNUSED, values)
        return done


def _delivery(row: tuple[Any, ...], way: Way) -> Delivery:
    number, accepted, body, sent, attempts, outcome = row
    return Delivery(
        number,
        way.origin,
        way.vendor,
        record.event(body),
        accepted,
        sent=sent,
        attempts=record.tries(attempts),
        outcome=record.outcome(outcome),
    )
