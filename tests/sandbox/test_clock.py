"""An account's clock is the only time there is; it stands, jumps and runs as it is told."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.clock import Clock, iso, parse, wall

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Hand:
    """A wall clock that a test turns."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


def test_it_runs_with_the_wall_clock() -> None:
    hand = Hand()
    clock = Clock(hand)
    hand.at += HOUR
    assert clock.now() == NOON + HOUR
    assert not clock.frozen


def test_the_wall_clock_is_utc() -> None:
    assert wall().utcoffset() == timedelta()


def test_frozen_it_stands_where_it_was() -> None:
    hand = Hand()
    clock = Clock(hand)
    clock.freeze()
    hand.at += HOUR
    assert (clock.now(), clock.frozen) == (NOON, True)


def test_set_while_frozen_it_stays_frozen_there() -> None:
    hand = Hand()
    clock = Clock(hand)
    clock.freeze(NOON + HOUR)
    clock.set(NOON - HOUR)
    hand.at += HOUR
    assert (clock.now(), clock.frozen) == (NOON - HOUR, True)


def test_set_while_running_it_runs_on_from_there() -> None:
    hand = Hand()
    clock = Clock(hand)
    clock.set(NOON - 5 * HOUR)
    hand.at += HOUR
    assert clock.now() == NOON - 4 * HOUR


def test_advances_add_up() -> None:
    clock = Clock(Hand())
    clock.advance(HOUR)
    clock.advance(34 * 24 * HOUR)
    assert clock.now() == NOON + 817 * HOUR


def test_run_again_it_runs_from_where_it_stood() -> None:
    hand = Hand()
    clock = Clock(hand)
    clock.freeze()
    hand.at += 3 * HOUR
    clock.run()
    hand.at += HOUR
    assert (clock.now(), clock.frozen) == (NOON + HOUR, False)


@pytest.mark.parametrize("frozen", [True, False])
def test_its_state_can_be_given_to_another_clock(frozen: bool) -> None:
    hand = Hand()
    clock, other = Clock(hand), Clock(hand)
    clock.advance(HOUR)
    if frozen:
        clock.freeze()
    other.state = clock.state
    hand.at += HOUR
    assert (other.now(), other.frozen) == (clock.now(), frozen)


def test_a_sleeper_wakes_when_the_clock_is_advanced_past_its_time() -> None:
    async def run() -> list[str]:
        clock, woken = Clock(Hand()), []
        clock.freeze()

        async def sleeper() -> None:
            await clock.sleep(2 * HOUR)
            woken.append(iso(clock.now()))

        task = asyncio.create_task(sleeper())
        for _ in range(2):
            await asyncio.sleep(0.01)
            clock.advance(HOUR)
        await asyncio.wait_for(task, 20)
        return woken

    assert asyncio.run(run()) == ["2026-01-15T14:00:00.000Z"]


@pytest.mark.parametrize("how", ["freeze", "set"])
def test_a_sleeper_on_a_running_clock_wakes_when_it_jumps(how: str) -> None:
    async def run() -> None:
        clock = Clock()
        task = asyncio.create_task(clock.sleep(HOUR))
        await asyncio.sleep(0.01)
        getattr(clock, how)(clock.now() + 2 * HOUR)
        await asyncio.wait_for(task, 20)

    asyncio.run(run())


def test_a_sleeper_on_a_clock_that_runs_again_wakes_in_its_time() -> None:
    async def run() -> None:
        clock = Clock()
        clock.freeze()
        task = asyncio.create_task(clock.sleep(timedelta(milliseconds=20)))
        await asyncio.sleep(0.05)
        assert not task.done()
        clock.run()
        await asyncio.wait_for(task, 20)

    asyncio.run(run())


def test_a_sleeper_on_a_running_clock_wakes_by_itself() -> None:
    async def run() -> None:
        await asyncio.wait_for(Clock().sleep(timedelta(milliseconds=20)), 20)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-15T12:00:00Z", NOON),
        ("2026-01-15t12:00:00z", NOON),
        ("2026-01-15T13:00:00+01:00", NOON),
        ("2026-01-15T12:00:00", NOON),
        ("2026-01-15 12:00", NOON),
    ],
)
def test_a_time_is_read_as_utc(text: str, at: datetime) -> None:
    assert parse(text) == at


@pytest.mark.parametrize("text", ["", "noon", "2026-13-01", "1768478400"])
def test_what_is_no_time_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    assert iso(parse("2026-01-15T13:00:00.123456+01:00")) == "2026-01-15T12:00:00.123Z"
