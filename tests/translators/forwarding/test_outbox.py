"""What every outbox does, whichever engine it has: keeps, hands out once, and forgets nothing."""

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.translators.forwarding.engines import DURABLE, ENGINES, Engine, of
from tests.translators.forwarding.scripted import EVENT, NOW
from translators.forwarding.outbox import Delivery, Listed, Outbox, OutboxFault, Position
from translators.forwarding.outcome import Attempt, Dead, Delivered, Filtered, Retry
from translators.forwarding.sqlite import SqliteOutbox
from translators.forwarding.tables import DUE_IN_ORDER, IN_ORDER

LATER = NOW + timedelta(minutes=1)
RETRY = Retry(timedelta(seconds=30), "503: down", "503")
TRY = Attempt(NOW, timedelta(seconds=2), "POST http://v.test/ingest", RETRY, 503, "down", "orb-1")
OUTCOMES = [Delivered(), Dead("400: no", "400", "orb.rule"), Filtered("no", "FILTERED")]


@pytest.fixture(params=ENGINES)
def engine(request: Any, tmp_path: Path) -> Engine:
    return of(request, tmp_path)


def event(n: int, **more: Any) -> dict[str, Any]:
    return {**EVENT, "messageId": f"m-{n}", **more}


def ids(deliveries: Any) -> list[str]:
    return [delivery.event["messageId"] for delivery in deliveries]


def run(engine: Engine, test: Callable[[Outbox], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        async with asyncio.timeout(20):
            outbox = await engine.open()
            try:
                return await test(outbox)
            finally:
                await outbox.close()

    return asyncio.run(whole())


async def added(outbox: Outbox, *numbers: int, vendors: Any = ("orb",), origin: str = "wk") -> None:
    outbox.add(origin, vendors, [event(n) for n in numbers], NOW)
    await outbox.written()


async def claimed(
    outbox: Outbox, at: datetime = NOW, most: int = 100, **more: Any
) -> list[Delivery]:
    return list(await outbox.claim("orb", "wk", at, most, **more))


def test_what_was_added_is_claimed_in_its_order_and_once(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await added(outbox, 1, 2, 3)
        [first, second] = await claimed(outbox, most=2)
        assert ids([first, second]) == ["m-1", "m-2"]
        assert (first.origin, first.vendor, first.event) == ("wk", "orb", event(1))
        assert (first.accepted, first.outcome, first.attempts) == (NOW, None, ())
        assert ids(await claimed(outbox)) == ["m-3"]
        assert await claimed(outbox) == []

    run(engine, test)


def test_each_vendor_and_each_origin_has_its_own(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await added(outbox, 1, vendors=("orb", "kana"))
        await added(outbox, 2, origin="other")
        assert sorted(await outbox.lanes()) == [("kana", "wk"), ("orb", "other"), ("orb", "wk")]
        assert ids(await claimed(outbox)) == ["m-1"]
        assert ids(await outbox.claim("kana", "wk", NOW, 9)) == ["m-1"]
        assert ids(await outbox.claim("orb", "other", NOW, 9)) == ["m-2"]
        assert await outbox.waiting() == 3

    run(engine, test)


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_a_settled_delivery_is_listed_and_never_claimed_again(engine: Engine, outcome: Any) -> None:
    async def test(outbox: Outbox) -> None:
        await added(outbox, 1)
        [delivery] = await claimed(outbox)
        await outbox.put([replace(delivery, outcome=outcome, attempts=(TRY,), sent=1)])
        await outbox.written()
        assert await outbox.idle()
        assert await outbox.due("orb", "wk") is None
        assert await claimed(outbox, LATER) == []
        if isinstance(outbox, Listed):
            [kept] = outbox.of("wk")
            assert (kept.outcome, kept.attempts, kept.sent) == (outcome, (TRY,), 1)

    run(engine, test)


def test_a_delivery_that_waits_is_claimed_when_it_is_due(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await added(outbox, 1)
        [delivery] = await claimed(outbox)
        wait = timedelta(seconds=60)
        again = replace(delivery, outcome=RETRY, attempts=(TRY,), wait=wait, due=LATER)
        await outbox.put([again])
        assert await outbox.due("orb", "wk") == LATER
        assert await claimed(outbox, LATER - timedelta(microseconds=1)) == []
        [due] = await claimed(outbox, LATER)
        assert due == again
        assert not await outbox.idle()

    run(engine, test)


def test_what_is_put_back_as_it_was_may_be_claimed_at_once(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await added(outbox, 1)
        [delivery] = await claimed(outbox)
        assert await outbox.due("orb", "wk") is None
        await outbox.put([delivery])
        due = await outbox.due("orb", "wk")
        assert due is not None
        assert due <= NOW
        assert await claimed(outbox) == [delivery]

    run(engine, test)


def test_in_order_nothing_of_a_customer_overtakes_what_waits_or_is_under_way(
    engine: Engine,
) -> None:
    async def test(outbox: Outbox) -> None:
        whose = {1: "a", 2: "b", 3: "a", 4: "b", 5: None}
        outbox.add("wk", ["orb"], [event(n, userId=who) for n, who in whose.items()], NOW)
        await outbox.written()
        first, second = await claimed(outbox, most=2, ordered=True)
        assert ids(await claimed(outbox, ordered=True)) == ["m-5"]
        assert await outbox.due("orb", "wk", ordered=True) is None
        await outbox.put([replace(first, outcome=RETRY, due=LATER, wait=LATER - NOW)])
        await outbox.put([replace(second, outcome=Delivered())])
        assert ids(await claimed(outbox, ordered=True)) == ["m-4"]
        assert await outbox.due("orb", "wk", ordered=True) == LATER
        assert ids(await claimed(outbox, LATER, ordered=True)) == ["m-1", "m-3"]

    run(engine, test)


def test_a_position_is_kept_with_the_events_before_it(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        assert await outbox.position("events.ndjson") == 0
        outbox.add("wk", ["orb"], [event(1)], NOW, Position("events.ndjson", 70))
        await outbox.written()
        outbox.add("wk", ["orb"], [event(2)], NOW, Position("events.ndjson", 140))
        await outbox.written()
        assert await outbox.position("events.ndjson") == 140

    run(engine, test)


def test_of_a_forgotten_origin_nothing_is_held_or_taken_back(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await added(outbox, 1, 2)
        await added(outbox, 3, origin="other")
        [under_way, *_] = await claimed(outbox)
        outbox.forget("wk")
        await outbox.put([replace(under_way, outcome=Delivered())])
        await outbox.written()
        assert await outbox.lanes() == [("orb", "other")]
        assert await claimed(outbox) == []
        await added(outbox, 4)
        assert ids(await claimed(outbox)) == ["m-4"]

    run(engine, test)


def test_events_come_back_as_they_went_in(engine: Engine) -> None:
    odd = event(1, properties={"big": 2**70, "é\u0000": "😀\ud83d", "n": -0.1, "x": [None, {}]})

    async def test(outbox: Outbox) -> None:
        outbox.add("wk", ["orb"], [odd], NOW)
        await outbox.written()
        [delivery] = await claimed(outbox)
        assert delivery.event == odd

    run(engine, test)


def test_a_customer_may_be_named_by_half_a_character(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        outbox.add("wk", ["orb"], [event(n, userId="\ud83d") for n in (1, 2)], NOW)
        await outbox.written()
        assert ids(await claimed(outbox, most=1, ordered=True)) == ["m-1"]
        assert await claimed(outbox, ordered=True) == []

    run(engine, test)


def test_many_who_wait_are_all_told(engine: Engine) -> None:
    async def test(outbox: Outbox) -> None:
        await asyncio.gather(*(added(outbox, n) for n in range(50)))
        assert await outbox.waiting() == 50

    run(engine, test)


@pytest.mark.parametrize("engine", DURABLE, indirect=True)
def test_everything_is_there_after_a_restart(engine: Engine) -> None:
    async def before(outbox: Outbox) -> None:
        outbox.add("wk", ["orb"], [event(n) for n in range(4)], NOW, Position("f", 7))
        await outbox.written()
        first, second, _third = await claimed(outbox, most=3)
        await outbox.put([replace(first, outcome=Delivered(), attempts=(TRY,))])
        await outbox.put([replace(second, outcome=RETRY, attempts=(TRY,), due=LATER)])

    async def after(outbox: Outbox) -> None:
        assert await outbox.position("f") == 7
        assert await outbox.waiting() == 3
        assert ids(await claimed(outbox)) == ["m-2", "m-3"]
        [again] = await claimed(outbox, LATER)
        assert (ids([again]), again.attempts) == (["m-1"], (TRY,))

    run(engine, before)
    run(engine, after)


def fill(outbox: SqliteOutbox, count: int, origin: str = "wk") -> None:
    async def filled() -> None:
        for n in range(count):
            outbox.add(origin, ["orb"], [event(n)], NOW)
            [delivery] = await outbox.claim("orb", origin, NOW, 1)
            await outbox.put([replace(delivery, outcome=Delivered())])

    asyncio.run(filled())


def test_in_memory_the_oldest_settled_are_dropped_and_counted_by_origin() -> None:
    outbox = SqliteOutbox(kept=3)
    fill(outbox, 2, "a")
    fill(outbox, 9, "b")
    assert [ids(outbox.of(origin)) for origin in "ab"] == [["m-0", "m-1"], ["m-6", "m-7", "m-8"]]
    assert [outbox.dropped(origin) for origin in "ab"] == [0, 6]


def test_of_a_file_not_more_is_listed_than_of_memory(tmp_path: Path) -> None:
    """It keeps everything; whoever asks has to hold all of the answer."""
    outbox = SqliteOutbox(tmp_path / "outbox.sqlite3", most=2, kept=3)
    fill(outbox, 9)
    outbox.add("wk", ["orb"], [event(n) for n in range(10, 15)], NOW)
    assert ids(outbox.of("wk")) == ["m-6", "m-7", "m-8", "m-10", "m-11"]
    asyncio.run(outbox.close())


def test_in_memory_what_waits_is_never_dropped() -> None:
    outbox = SqliteOutbox(kept=1)
    outbox.add("wk", ["kana"], [event(7)], NOW)
    fill(outbox, 5)
    assert ids(outbox.of("wk")) == ["m-7", "m-4"]


def test_in_memory_what_comes_to_a_full_outbox_is_dead_and_listed() -> None:
    outbox = SqliteOutbox(most=1)
    outbox.add("a", ["orb"], [event(1), event(2)], NOW)
    outbox.add("b", ["orb"], [event(3)], NOW)
    full = Dead("1 deliveries are pending, the most there can be", "INTERNAL")
    assert [delivery.outcome for delivery in outbox.of("a")] == [None, full]
    assert [delivery.outcome for delivery in outbox.of("b")] == [None]


def test_a_file_has_one_forwarder_at_a_time(tmp_path: Path) -> None:
    first = SqliteOutbox(tmp_path / "outbox.sqlite3")
    with pytest.raises(OutboxFault, match="is in use by another forwarder"):
        SqliteOutbox(tmp_path / "outbox.sqlite3")
    asyncio.run(first.close())
    asyncio.run(SqliteOutbox(tmp_path / "outbox.sqlite3").close())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no such permissions")
def test_a_file_and_those_beside_it_are_for_their_owner_alone(tmp_path: Path) -> None:
    async def test() -> set[int]:
        outbox = SqliteOutbox(tmp_path / "outbox.sqlite3")
        await added(outbox, 1)
        found = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
        assert "outbox.sqlite3-wal" in found
        await outbox.close()
        return set(found.values())

    assert asyncio.run(test()) == {0o600}


def test_a_place_where_no_file_can_be_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutboxFault, match="cannot be used: .*Not a directory|File exists"):
        SqliteOutbox(tmp_path / "file" / "outbox.sqlite3")


def test_a_file_that_is_no_outbox_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "outbox.sqlite3"
    file.write_text("this is no database, and it is long enough to be seen as none")
    with pytest.raises(OutboxFault, match="cannot be used: file is not a database"):
        SqliteOutbox(file)


def test_an_outbox_that_cannot_be_written_is_closed_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "outbox.sqlite3"

    async def test() -> None:
        outbox = SqliteOutbox(file, patience=0.05)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("begin immediate")
            outbox.add("wk", ["orb"], [event(1)], NOW)
            with pytest.raises(OutboxFault, match="database is locked"):
                await outbox.close()
        await SqliteOutbox(file).close()

    asyncio.run(test())


def test_what_cannot_be_written_is_refused_and_kept_for_the_next_time(tmp_path: Path) -> None:
    """Another program holds the file for longer than we wait."""
    file = tmp_path / "outbox.sqlite3"

    async def test() -> None:
        outbox = SqliteOutbox(file, patience=0.05)
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("begin immediate")
        outbox.add("wk", ["orb"], [event(1)], NOW)
        with pytest.raises(OutboxFault, match="database is locked"):
            await outbox.written()
        other.execute("rollback")
        await outbox.written()
        assert other.execute("select count(*) from waiting").fetchone() == (1,)
        other.close()
        await outbox.close()

    asyncio.run(test())


@pytest.mark.parametrize("query", [IN_ORDER, DUE_IN_ORDER])
def test_in_order_what_came_before_is_looked_up_by_customer(tmp_path: Path, query: str) -> None:
    """Otherwise each delivery would be compared with all before it."""

    async def made() -> None:
        outbox = SqliteOutbox(tmp_path / "outbox.sqlite3")
        assert await outbox.claim("orb", "wk", NOW, 1, ordered=True) == []
        await outbox.close()

    asyncio.run(made())
    with closing(sqlite3.connect(tmp_path / "outbox.sqlite3")) as db:
        plan = db.execute(f"explain query plan {query}", (None,) * query.count("?3") + (1, 1))
        told = [row[-1] for row in plan]
    assert any("SEARCH e USING" in step and "in_order" in step for step in told), told
