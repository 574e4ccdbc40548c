"""Several forwarders on one PostgreSQL: no delivery is two's, and none is lost with one of them."""

import asyncio
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests.postgres import Server
from tests.translators.forwarding.scripted import EVENT, NOW, Scripted, answer, forwarding, frozen
from translators.forwarding.outbox import Delivery, Outbox, OutboxFault
from translators.forwarding.outcome import Delivered, Retry
from translators.forwarding.postgres import PostgresOutbox

pytestmark = pytest.mark.postgres
LATER = NOW + timedelta(minutes=1)
RETRY = Retry(None, "503: down", "503")


def sql(database: str, statement: str) -> Any:
    with psycopg.connect(database, autocommit=True) as db:
        found = db.execute(statement.encode())
        return found.fetchall() if found.description else None


def lapse(database: str) -> None:
    """As if the time of every lease had passed."""
    sql(database, "update meterbox.waiting set lease = now() - interval '1 second'")


def run(database: str, count: int, test: Callable[..., Awaitable[Any]], **more: Any) -> Any:
    """A test with several outboxes on one database."""

    async def whole() -> Any:
        async with asyncio.timeout(60), AsyncExitStack() as closing:
            opened = [PostgresOutbox(database, **more) for _ in range(count)]
            for outbox in opened:
                closing.push_async_callback(outbox.close)
            return await test(*opened)

    return asyncio.run(whole())


async def added(outbox: Outbox, *numbers: int, whose: Callable[[int], str | None] = str) -> None:
    events = [{**EVENT, "messageId": f"m-{n}", "userId": whose(n)} for n in numbers]
    outbox.add("wk", ["orb"], events, NOW)
    await outbox.written()


async def claimed(outbox: Outbox, most: int = 100, at: Any = NOW, **more: Any) -> list[Delivery]:
    return list(await outbox.claim("orb", "wk", at, most, **more))


def ids(deliveries: Any) -> list[str]:
    return [delivery.event["messageId"] for delivery in deliveries]


def test_of_many_who_claim_at_once_no_two_get_the_same(database: str) -> None:
    async def test(*outboxes: Outbox) -> None:
        await added(outboxes[0], *range(600))
        got: list[str] = []

        async def work(outbox: Outbox) -> None:
            while found := await claimed(outbox, 7):
                got.extend(ids(found))
                await outbox.put([replace(each, outcome=Delivered()) for each in found])

        await asyncio.gather(*(work(outbox) for outbox in outboxes for _ in range(3)))
        assert sorted(got) == sorted(f"m-{n}" for n in range(600))
        assert await outboxes[0].idle()

    run(database, 4, test)


def test_of_many_who_keep_order_one_at_a_time_has_a_customer(database: str) -> None:
    async def test(*outboxes: Outbox) -> None:
        await added(outboxes[0], *range(200), whose=lambda n: f"c-{n % 5}")
        at_work: dict[str, Outbox] = {}
        got: dict[str, list[int]] = defaultdict(list)

        async def work(outbox: Outbox) -> None:
            while not await outbox.idle():
                found = await claimed(outbox, 6, ordered=True)
                for each in found:
                    whose = each.event["userId"]
                    assert at_work.setdefault(whose, outbox) is outbox
                    got[whose].append(int(each.event["messageId"][2:]))
                await asyncio.sleep(0)
                for whose in {each.event["userId"] for each in found}:
                    del at_work[whose]
                await outbox.put([replace(each, outcome=Delivered()) for each in found])

        await asyncio.gather(*(work(outbox) for outbox in outboxes))
        assert got == {f"c-{n}": list(range(n, 200, 5)) for n in range(5)}

    run(database, 3, test)


def test_in_order_what_another_has_claimed_is_not_overtaken(database: str) -> None:
    async def test(one: Outbox, other: Outbox) -> None:
        await added(one, 1, 2, 3, whose={1: "a", 2: "b", 3: "a"}.get)
        [first] = await claimed(one, 1, ordered=True)
        [second] = await claimed(other, ordered=True)
        assert ids([first, second]) == ["m-1", "m-2"]
        assert await other.due("orb", "wk", ordered=True) is None
        await one.put([replace(first, outcome=RETRY, due=LATER)])
        await one.written()
        assert await claimed(other, ordered=True) == []
        assert ids(await claimed(other, at=LATER, ordered=True)) == ["m-1", "m-3"]

    run(database, 2, test)


def test_in_order_what_another_is_just_claiming_is_not_overtaken(database: str) -> None:
    async def test(outbox: Outbox) -> None:
        await added(outbox, 1, 2, 3, whose={1: "a", 2: "b", 3: "a"}.get)
        async with await psycopg.AsyncConnection.connect(database) as other:
            await other.execute("select from meterbox.waiting order by number limit 1 for update")
            assert ids(await claimed(outbox, ordered=True)) == ["m-2"]
        assert ids(await claimed(outbox, ordered=True)) == ["m-1", "m-3"]

    run(database, 1, test)


CLAIM_AND_HANG = """
import asyncio, sys
from datetime import datetime
from translators.forwarding.postgres import PostgresOutbox

async def main():
    outbox = PostgresOutbox(sys.argv[1])
    found = await outbox.claim("orb", "wk", datetime.fromisoformat(sys.argv[2]), 2)
    print(len(found), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_what_a_killed_one_had_claimed_is_anothers_once_the_lease_has_lapsed(database: str) -> None:
    async def test(outbox: Outbox) -> None:
        await added(outbox, 1, 2, 3)
        arguments = [sys.executable, "-c", CLAIM_AND_HANG, database, NOW.isoformat()]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as killed:
            assert killed.stdout is not None
            assert killed.stdout.readline() == b"2\n"
            killed.send_signal(signal.SIGKILL)
        assert ids(await claimed(outbox)) == ["m-3"]
        assert await outbox.waiting() == 3
        assert await outbox.due("orb", "wk") is None
        lapse(database)
        assert await outbox.due("orb", "wk") is not None
        assert ids(await claimed(outbox)) == ["m-1", "m-2"]

    run(database, 1, test)


@pytest.mark.parametrize("outcome", [Delivered(), RETRY], ids=["settled", "to be tried again"])
def test_what_one_puts_after_another_took_it_over_is_not_taken(database: str, outcome: Any) -> None:
    async def test(slow: Outbox, other: Outbox) -> None:
        await added(slow, 1)
        [mine] = await claimed(slow)
        lapse(database)
        [taken] = await claimed(other)
        await slow.put([replace(mine, outcome=outcome, due=LATER)])
        await slow.written()
        assert await claimed(slow, at=LATER) == []
        assert await other.waiting() == 1
        await other.put([replace(taken, outcome=Delivered())])
        assert await other.idle()

    run(database, 2, test)


def test_what_one_puts_after_its_lease_is_taken_if_nobody_took_it_over(database: str) -> None:
    async def test(slow: Outbox) -> None:
        await added(slow, 1)
        [mine] = await claimed(slow)
        lapse(database)
        await slow.put([replace(mine, outcome=Delivered())])
        assert await slow.idle()

    run(database, 1, test)


@pytest.mark.parametrize("ordered", [False, True], ids=["any order", "in order"])
def test_nobody_claims_again_what_it_still_has(database: str, ordered: bool) -> None:
    async def test(slow: Outbox) -> None:
        await added(slow, 1, 2, whose=lambda _: "a")
        await claimed(slow, 1)
        lapse(database)
        assert ids(await claimed(slow, ordered=ordered)) == ([] if ordered else ["m-2"])
        assert await slow.due("orb", "wk", ordered=ordered) is None

    run(database, 1, test)


def test_the_claims_of_a_live_one_are_renewed(database: str) -> None:
    async def test(outbox: PostgresOutbox) -> None:
        await added(outbox, 1)
        await claimed(outbox)
        ends = "select lease from meterbox.waiting"
        [(first,)] = sql(database, ends)
        while sql(database, ends) == [(first,)]:
            await asyncio.sleep(0.01)

    run(database, 1, test, lease=timedelta(seconds=0.3))


def test_a_closed_one_leaves_its_claims_to_others(database: str) -> None:
    async def test(one: Outbox, other: Outbox) -> None:
        await added(one, 1)
        await claimed(one)
        assert await claimed(other) == []
        await one.close()
        assert ids(await claimed(other)) == ["m-1"]

    run(database, 2, test)


def test_a_lost_connection_is_told_and_loses_nothing(
    postgres_server: Server, database: str
) -> None:
    name = urlsplit(database).path[1:]

    def cut(allow: bool) -> None:
        postgres_server.do(f"alter database {name} allow_connections {allow}")
        postgres_server.do(
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
        )

    async def test(outbox: Outbox) -> None:
        await added(outbox, 1)
        [mine] = await claimed(outbox)
        cut(False)
        await outbox.put([replace(mine, outcome=Delivered())])
        for n in (2, 3):
            with pytest.raises(OutboxFault, match=f"{name} cannot be used: "):
                await added(outbox, n)
        with pytest.raises(OutboxFault, match="is not currently accepting connections"):
            await outbox.idle()
        cut(True)
        await outbox.written()
        assert ids(await claimed(outbox)) == ["m-2", "m-3"]
        assert await outbox.waiting() == 2

    run(database, 1, test)


class Proxy:
    """Carries what is said to PostgreSQL; once armed it ends at a commit, or at the answer."""

    def __init__(self, database: str, folder: Path, *, answer: bool) -> None:
        [self._real] = parse_qs(urlsplit(database).query)["host"]
        self.url = database.replace(urlsplit(database).query, f"host={folder}&user=postgres")
        self._socket = folder / ".s.PGSQL.5432"
        self._ends = (b"never", b"COMMIT\0") if answer else (b"COMMIT\0", b"never")
        self.armed = False
        self._open: set[Any] = set()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_unix_server(self._serve, self._socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.wait(self._open)

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self._open.add(asyncio.current_task())
        far, on = await asyncio.open_unix_connection(f"{self._real}/.s.PGSQL.5432")
        ask, answer = self._ends
        ways = self._carry(near, on, ask), self._carry(far, back, answer)
        tasks = [asyncio.create_task(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for writer in (on, back):
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, end: bytes
    ) -> None:
        with suppress(ConnectionError):
            while part := await source.read(65_536):
                if self.armed and end in part:
                    self.armed = False
                    return
                target.write(part)


@pytest.mark.parametrize("made", [True, False], ids=["answer lost", "commit lost"])
def test_what_was_lost_with_a_commit_is_written_once(
    database: str, tmp_path: Path, made: bool
) -> None:
    async def test() -> None:
        async with Proxy(database, tmp_path, answer=made) as proxy, AsyncExitStack() as closing:
            outbox = PostgresOutbox(proxy.url)
            closing.push_async_callback(outbox.close)
            await added(outbox, 1)
            proxy.armed = True
            with pytest.raises(OutboxFault, match="cannot be used: "):
                await added(outbox, 2)
            assert sql(database, "select count(*) from meterbox.events") == [(1 + made,)]
            await added(outbox, 3)
            assert ids(await claimed(outbox)) == ["m-1", "m-2", "m-3"]

    asyncio.run(test())


def test_names_may_hold_any_character_and_be_long(database: str) -> None:
    async def test(outbox: Outbox) -> None:
        origin = "wk\0\ud83d" + "é" * 5_000
        outbox.add(origin, ["orb"], [{**EVENT, "userId": "\0\ud83d" * 5_000}], NOW)
        await outbox.written()
        assert await outbox.lanes() == [("orb", origin)]
        assert len(await outbox.claim("orb", origin, NOW, 9, ordered=True)) == 1

    run(database, 1, test)


def test_the_tables_are_made_once_by_whoever_comes_first(database: str) -> None:
    async def test(*outboxes: Outbox) -> None:
        await asyncio.gather(*(outbox.idle() for outbox in outboxes))

    run(database, 8, test)


def test_tables_of_another_format_are_left_alone(database: str) -> None:
    async def test(outbox: Outbox) -> None:
        with pytest.raises(OutboxFault, match="its format is 9, not 1"):
            await outbox.idle()

    sql(database, "create schema meterbox; create table meterbox.format as select 9 as version")
    run(database, 1, test)


def test_two_forwarders_deliver_each_event_once(database: str) -> None:
    vendor = Scripted(answer(200, {"validation_failed": []}))

    async def test(one: Outbox, other: Outbox) -> None:
        clock = frozen()
        async with (
            forwarding(vendor, clock, outbox=one) as first,
            forwarding(vendor, clock, outbox=other) as second,
        ):
            for n in range(60):
                [first, second][n % 2].accept("wk", {**EVENT, "messageId": f"m-{n}"})
            while not await one.idle():
                await asyncio.sleep(0.01)
            with pytest.raises(OutboxFault, match="lists no deliveries"):
                first.deliveries("wk")

    run(database, 2, test)
    assert sorted(vendor.keys) == sorted(f"m-{n}" for n in range(60))
