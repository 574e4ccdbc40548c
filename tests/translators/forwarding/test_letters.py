"""Dead letters and replay beside a forwarder: nothing is under way twice, and no key changes."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.reader import read
from tests.acme import known
from tests.translators.forwarding.engines import DURABLE, Engine, File, of
from tests.translators.forwarding.scripted import EVENT, NOW, Scripted, answer, forwarding, frozen
from translators.forwarding.engines import open_letters
from translators.forwarding.letters import Letters, Unguarded, Which, guarded, unsure
from translators.forwarding.outbox import Delivery, Outbox, OutboxFault
from translators.forwarding.outcome import Attempt, Dead, Delivered, Filtered, Outcome, Retry

DEAD = Dead("400: no", "400", "orb.rule")
DOWN = Retry(None, "503: down", "503")
HOUR = timedelta(hours=1)


@pytest.fixture(params=DURABLE)
def engine(request: Any, tmp_path: Path) -> Engine:
    return of(request, tmp_path)


def attempt(outcome: Any = DEAD, at: datetime = NOW) -> Attempt:
    return Attempt(at, timedelta(), "POST http://v.test/ingest", outcome, 400, "no")


async def settle(
    outbox: Outbox,
    outcome: Outcome,
    *numbers: int,
    at: datetime = NOW,
    vendors: Any = ("orb",),
    origin: str = "wk",
    sent: int = 0,
) -> None:
    events = [{**EVENT, "messageId": f"m-{n}", "userId": f"u-{n % 2}"} for n in numbers]
    outbox.add(origin, vendors, events, at)
    for vendor in vendors:
        found = await outbox.claim(vendor, origin, at, len(numbers))
        tried = () if isinstance(outcome, Filtered) else (attempt(outcome, at),)
        await outbox.put([replace(f, outcome=outcome, attempts=tried, sent=sent) for f in found])
    await outbox.written()


@contextmanager
def beside(engine: Engine) -> Iterator[Letters]:
    with closing(open_letters(engine.url)) as letters:
        yield letters


def run(engine: Engine, test: Callable[[Outbox], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        async with asyncio.timeout(20):
            outbox = await engine.open()
            try:
                return await test(outbox)
            finally:
                await outbox.close()

    return asyncio.run(whole())


def ids(deliveries: Any) -> list[str]:
    return [delivery.event["messageId"] for delivery in deliveries]


async def claimed(outbox: Outbox, **more: Any) -> list[Delivery]:
    return list(await outbox.claim("orb", "wk", NOW, 9_999, **more))


def test_dead_letters_are_listed_by_vendor_origin_and_number(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await settle(outbox, DEAD, 1, 2, vendors=("orb", "kana"))
        await settle(outbox, Delivered(), 3)
        await settle(outbox, Filtered("no", "FILTERED"), 4)
        await settle(outbox, DEAD, 5, origin="other")
        with beside(engine) as letters:
            told = [(d.vendor, d.origin, d.event["messageId"]) for d in letters.dead()]
            assert told == [
                ("kana", "wk", "m-1"),
                ("kana", "wk", "m-2"),
                ("orb", "other", "m-5"),
                ("orb", "wk", "m-1"),
                ("orb", "wk", "m-2"),
            ]
            assert ids(letters.dead(Which(vendor="kana"))) == ["m-1", "m-2"]
            [letter] = letters.dead(Which(origin="other"))
            assert (letter.outcome, letter.attempts) == (DEAD, (attempt(),))
            assert (letter.accepted, letter.event["userId"]) == (NOW, "u-1")
            assert list(letters.dead(Which(numbers=(letter.number,)))) == [letter]

    run(engine, test)


def test_what_is_retried_waits_again_with_no_try_made(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await settle(outbox, DEAD, 1, 2, sent=1)
        with beside(engine) as letters:
            [first, _] = letters.dead()
            assert letters.retry(Which(numbers=(first.number,))) == 1
            assert ids(letters.dead()) == ["m-2"]
        [again] = await claimed(outbox)
        assert again == replace(first, outcome=None, attempts=(), sent=1)
        await outbox.put([replace(again, outcome=Delivered())])
        assert await outbox.idle()

    run(engine, test)


def test_what_is_retried_keeps_its_place_in_order(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await settle(outbox, DEAD, 1)
        outbox.add("wk", ["orb"], [{**EVENT, "messageId": "m-3", "userId": "u-1"}], NOW)
        await outbox.written()
        with beside(engine) as letters:
            letters.retry()
        first = await outbox.claim("orb", "wk", NOW, 1, ordered=True)
        assert ids(first) == ["m-1"]
        assert await claimed(outbox, ordered=True) == []

    run(engine, test)


def test_what_is_dropped_is_gone_and_its_event_with_the_last_vendor(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await settle(outbox, DEAD, 1, vendors=("orb", "kana"))
        with beside(engine) as letters:
            assert letters.drop(Which(vendor="orb")) == 1
            [other] = letters.dead()
            assert (other.vendor, other.event["messageId"]) == ("kana", "m-1")
            assert letters.drop() == 1
            assert letters.drop() == 0
        assert await claimed(outbox) == []

    run(engine, test)
    assert events(engine) == 0


def events(engine: Engine) -> int:
    """How many events are kept."""
    if not engine.shares:
        with closing(sqlite3.connect(engine.url)) as db:
            return int(db.execute("select count(*) from events").fetchone()[0])
    import psycopg

    with psycopg.connect(engine.url) as server:
        [(count,)] = server.execute("select count(*) from meterbox.events").fetchall()
        return int(count)


def test_what_was_delivered_in_a_window_waits_again_from_its_first_request(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        for n in range(4):
            await settle(outbox, Delivered(), n, at=NOW + n * HOUR, vendors=("orb", "kana"), sent=2)
        await settle(outbox, DEAD, 8, at=NOW + HOUR)
        await settle(outbox, Filtered("no", "FILTERED"), 9, at=NOW + HOUR)
        with beside(engine) as letters:
            assert letters.replay(Which("orb", since=NOW + HOUR, until=NOW + 3 * HOUR)) == 2
        again = await claimed(outbox)
        assert ids(again) == ["m-1", "m-2"]
        assert {(each.sent, each.attempts, each.outcome) for each in again} == {(0, (), None)}
        assert await outbox.waiting() == 2

    run(engine, test)


SETTLED = {
    False: "insert into settled select lane, number, '', 'delivered', 0, null, ? from waiting",
    True: "insert into meterbox.settled"
    " select lane, number, now(), 'delivered', 0, null, %s from meterbox.waiting",
}


def test_what_is_delivered_again_meanwhile_is_not_replayed_twice(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a forwarder so quick that each page is settled before the next is looked for."""
    for name in ("sqliteletters", "pgletters"):
        monkeypatch.setattr(f"translators.forwarding.{name}.PAGE", 2)

    async def test(outbox: Outbox) -> None:
        await settle(outbox, Delivered(), *range(5))
        with beside(engine) as letters:
            db, page = letters.__dict__["_db"], letters._page

            def later(*which: Any) -> Any:
                db.execute(SETTLED[engine.shares], (b'["delivered"]',))
                db.execute(f"delete from {'meterbox.' if engine.shares else ''}waiting")
                return page(*which)

            monkeypatch.setattr(letters, "_page", later)
            assert letters.replay(Which("orb")) == 5

    run(engine, test)


def test_what_was_settled_long_ago_is_pruned_and_the_dead_stay(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await settle(outbox, Delivered(), 1, 2)
        await settle(outbox, Filtered("no", "FILTERED"), 3)
        await settle(outbox, DEAD, 4)
        await settle(outbox, Delivered(), 5, at=NOW + HOUR)
        outbox.add("wk", ["orb"], [EVENT], NOW)
        await outbox.written()
        with beside(engine) as letters:
            assert letters.prune(NOW + HOUR) == 3
            assert letters.prune(NOW + HOUR) == 0
            assert ids(letters.dead()) == ["m-4"]

    run(engine, test)
    assert events(engine) == 3


def retried(engine: Engine) -> int:
    with beside(engine) as letters:
        return letters.retry()


def test_a_forwarder_at_work_sees_what_is_retried(engine: Engine) -> None:
    vendor = Scripted(answer(400, {"message": "no"}), answer(200, {"validation_failed": []}))

    async def test(outbox: Outbox) -> None:
        async with forwarding(vendor, frozen(), outbox=outbox) as forwarder:
            forwarder.accept("wk", EVENT)
            await forwarder.drain()
            assert await asyncio.to_thread(retried, engine) == 1
            while len(vendor.bodies) < 2:
                await asyncio.sleep(0.01)
            await forwarder.drain()

    run(engine, test)
    assert len(set(vendor.keys)) == 1


def test_names_come_back_as_they_were(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await settle(outbox, DEAD, 1, origin="wké\t")
        with beside(engine) as letters:
            assert [letter.origin for letter in letters.dead(Which(origin="wké\t"))] == ["wké\t"]

    run(engine, test)


def test_where_there_is_no_outbox_none_is_made(tmp_path: Path) -> None:
    file = tmp_path / "outbox.sqlite3"
    with pytest.raises(OutboxFault, match=r"There is no outbox at .*outbox\.sqlite3"):
        open_letters(str(file))
    assert not file.exists()
    with pytest.raises(OutboxFault, match="nobody's but its forwarder's"):
        open_letters("memory:")


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite3"
    with closing(sqlite3.connect(file)) as db:
        db.execute("create table lanes (other)")
    with pytest.raises(OutboxFault, match="is no outbox"):
        open_letters(f"sqlite:///{file}")
    file.write_text("this is no database, and it is long enough to be seen as none")
    with pytest.raises(OutboxFault, match="file is not a database"):
        open_letters(str(file))


@pytest.mark.postgres
def test_a_database_without_an_outbox_is_left_alone(database: str) -> None:
    with pytest.raises(OutboxFault, match="There is no outbox in postgresql://"):
        open_letters(database)


def test_a_database_that_cannot_be_reached_is_one_line_without_the_password() -> None:
    with pytest.raises(OutboxFault, match="cannot be used: ") as raised:
        open_letters("postgresql://me:hush@127.0.0.1:1/db")
    assert "hush" not in str(raised.value)


def test_while_the_file_is_kept_by_another_for_long_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("translators.forwarding.sqliteletters.PATIENCE", 0.05)
    engine = File(tmp_path)
    run(engine, lambda outbox: settle(outbox, DEAD, 1))
    with beside(engine) as letters, closing(sqlite3.connect(engine.url)) as other:
        other.execute("begin immediate")
        with pytest.raises(OutboxFault, match="database is locked"):
            letters.drop()
        other.rollback()
        assert ids(letters.dead()) == ["m-1"]


GRACE = "is sure to know an event for 12h only (rule orb.ingest.dedup-window, assumed), "


def test_a_vendor_that_says_how_long_it_knows_an_event_is_taken_at_its_word() -> None:
    guarded("orb", NOW - 12 * HOUR, now=NOW)
    with pytest.raises(Unguarded) as raised:
        guarded("orb", NOW - 12 * HOUR - timedelta(seconds=1), now=NOW)
    assert str(raised.value) == (
        f"Orb {GRACE}not since 2026-01-14T23:59:59Z: "
        "what it billed may be billed again. --force sends it all the same."
    )


@pytest.mark.parametrize("vendor", ["amberflo", "hyperline", "kana"])
def test_a_vendor_that_does_not_say_gives_no_guarantee(vendor: str) -> None:
    memory = read(vendor).deduplicates
    assert memory is not None
    rule = rf"\(rule {memory.rule}, {read(vendor).rules[memory.rule].confidence}\)"
    with pytest.raises(Unguarded, match=f"does not say how long it knows an event again {rule}: "):
        guarded(vendor, NOW, now=NOW)


def test_a_vendor_without_a_rule_gives_no_guarantee(acme_root: Path) -> None:
    with known(acme_root), pytest.raises(Unguarded, match="Acme does not say how long"):
        guarded("acme", NOW, now=NOW)


@pytest.mark.parametrize(
    ("outcomes", "since"),
    [
        ([DEAD], None),
        ([Retry(None, "refused", "EREFUSED"), Retry(None, "slow down", "429"), DEAD], None),
        ([Retry(None, "refused", "EREFUSED"), DOWN, Retry(None, "late", "ETIMEDOUT")], NOW + HOUR),
    ],
    ids=["refused", "never heard of", "may have been applied"],
)
def test_a_delivery_may_be_the_vendors_since_its_first_try_without_a_clear_answer(
    outcomes: Any, since: datetime | None
) -> None:
    tries = tuple(attempt(outcome, NOW + n * HOUR) for n, outcome in enumerate(outcomes))
    letter = Delivery(1, "wk", "orb", EVENT, NOW, attempts=tries, outcome=DEAD)
    assert unsure(letter) == since
