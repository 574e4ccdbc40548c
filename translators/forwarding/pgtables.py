"""The tables of the outbox in PostgreSQL, and what is asked of them.

Names that others give are kept as bytes: PostgreSQL's text holds no zero and no half character.
"""

from __future__ import annotations

__all__ = [
    "ADD",
    "CLAIM",
    "CREATE",
    "DUE",
    "DUE_IN_ORDER",
    "FORGET",
    "FORMAT",
    "IN_ORDER",
    "LANE",
    "LANES",
    "NUMBERS",
    "OVERTAKING",
    "POSITION",
    "PUT_BACK",
    "READ_TO",
    "RELEASE",
    "RENEW",
    "SETTLE",
]

FORMAT = 1
CREATE = f"""
create schema if not exists meterbox;
create table meterbox.format as select {FORMAT} as version;
create table meterbox.lanes (
    lane uuid primary key, vendor text not null, origin bytea not null
);
create sequence meterbox.numbers;
create table meterbox.events (
    number bigint primary key, accepted timestamptz not null, body bytea not null
);
create table meterbox.waiting (
    lane uuid not null, number bigint not null, customer uuid,
    due timestamptz, wait double precision not null default 0, sent integer not null default 0,
    attempts bytea, outcome bytea, owner uuid, lease timestamptz, primary key (lane, number)
) with (fillfactor = 80);
create index on meterbox.waiting (lane, customer, number);
create index on meterbox.waiting (lane, due) where due is not null;
create table meterbox.settled (
    lane uuid not null, number bigint not null, at timestamptz not null, kind text not null,
    sent integer not null, attempts bytea, outcome bytea not null, primary key (lane, number)
);
create index on meterbox.settled (lane, number) where kind = 'dead';
create table meterbox.positions (
    place uuid primary key, source bytea not null, read bigint not null
);
"""

LANE = """
insert into meterbox.lanes values (%(lane)s, %(vendor)s, %(origin)s) on conflict do nothing"""
NUMBERS = "select nextval('meterbox.numbers') from generate_series(1, %(count)s)"
# Nothing twice where it is not known whether the first time came through.
ADD = """
with given as (
    select * from unnest(%(numbers)s::bigint[], %(bodies)b::bytea[], %(customers)s::uuid[])
    as given (number, body, customer)
), new as (
    insert into meterbox.events select number, %(accepted)s, body from given
    on conflict do nothing returning number
)
insert into meterbox.waiting (lane, number, customer)
select lane, number, customer from new join given using (number), unnest(%(lanes)s::uuid[]) as lane
"""
POSITION = """
insert into meterbox.positions values (%(place)s, %(source)s, %(read)s)
on conflict (place) do update set read = excluded.read"""
READ_TO = "select read from meterbox.positions where place = %(place)s"
LANES = """
select vendor, origin from meterbox.lanes l
where exists (select 1 from meterbox.waiting w where w.lane = l.lane)"""

FREE = "w.lane = %(lane)s and (w.lease is null or w.lease <= now())"
# `offset 0` has it looked up for one row at a time, by index. Of what comes and goes so fast there
# are no statistics by which a join of the two could be planned.
EARLIER = """select 1 from meterbox.waiting e
    where e.lane = w.lane and e.customer = w.customer and e.number < w.number"""
UNHINDERED = f"and not exists ({EARLIER} and (e.due > %(now)s or e.lease > now()) offset 0)"


def _claim(more: str) -> str:
    return f"""
with free as (
    select lane, number from meterbox.waiting w
    where {FREE} and (w.due is null or w.due <= %(now)s) {more}
    order by number limit %(most)s for update skip locked
), taken as (
    update meterbox.waiting w set owner = %(me)s, lease = now() + %(lease)s
    from free where w.lane = free.lane and w.number = free.number returning w.*
)
select number, accepted, body, sent, attempts, outcome, wait, due
from taken join meterbox.events using (number)"""


def _due(more: str) -> str:
    return f"""
select case
    when exists (select 1 from meterbox.waiting w where {FREE} and due is null {more})
    then %(at_once)s::timestamptz
    else (select min(due) from meterbox.waiting w where {FREE} and due is not null {more})
end"""


CLAIM = _claim("")
IN_ORDER = _claim(UNHINDERED)
DUE = _due("")
DUE_IN_ORDER = _due(f"and not exists ({EARLIER} offset 0)")
# What another is claiming or putting back at this moment was neither seen nor waited for.
OVERTAKING = f"""
select number from unnest(%(numbers)s::bigint[]) as claimed (number) where exists (
    select 1 from meterbox.waiting w where w.lane = %(lane)s and w.number = claimed.number
    and exists ({EARLIER} and e.owner is distinct from %(me)s offset 0) offset 0
)"""

HELD = """
from unnest(%(lanes)s::uuid[], %(numbers)s::bigint[]) as held (lane, number)
where w.lane = held.lane and w.number = held.number and w.owner = %(me)s"""
RENEW = f"update meterbox.waiting w set lease = now() + %(lease)s {HELD}"
RELEASE = f"update meterbox.waiting w set owner = null, lease = null {HELD}"
PUT_BACK = """
update meterbox.waiting w set owner = null, lease = null,
    due = put.due, wait = put.wait, sent = put.sent, outcome = put.outcome, attempts = put.attempts
from unnest(
    %(lanes)s::uuid[], %(numbers)s::bigint[], %(due)s::timestamptz[], %(wait)s::float8[],
    %(sent)s::int[], %(outcome)b::bytea[], %(attempts)b::bytea[]
) as put (lane, number, due, wait, sent, outcome, attempts)
where w.lane = put.lane and w.number = put.number and w.owner = %(me)s"""
SETTLE = """
with put as (
    select * from unnest(
        %(lanes)s::uuid[], %(numbers)s::bigint[], %(at)s::timestamptz[], %(kind)s::text[],
        %(sent)s::int[], %(outcome)b::bytea[], %(attempts)b::bytea[]
    ) as put (lane, number, at, kind, sent, outcome, attempts)
), gone as (
    delete from meterbox.waiting w using put
    where w.lane = put.lane and w.number = put.number and w.owner = %(me)s
    returning w.lane, w.number
)
insert into meterbox.settled
select lane, number, at, kind, sent, attempts, outcome from gone join put using (lane, number)
on conflict do nothing"""
FORGET = """
with its as (
    select lane from meterbox.lanes where origin = %(origin)s
), waited as (
    delete from meterbox.waiting w using its where w.lane = its.lane returning number
), ended as (
    delete from meterbox.settled s using its where s.lane = its.lane returning number
)
delete from meterbox.events where number in (
    select number from waited union select number from ended)"""
