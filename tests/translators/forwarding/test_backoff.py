"""Waits: jitter below a doubling ceiling, inside the window, never shorter than asked."""

from datetime import timedelta
from random import Random

import pytest

from translators.forwarding.backoff import WINDOW, Backoff

NONE = timedelta()


@pytest.mark.parametrize("retries", range(12))
def test_a_wait_is_anywhere_below_a_ceiling_that_doubles(retries: int) -> None:
    """Rule segment.delivery.waits."""
    backoff = Backoff(Random(1))
    waits = [backoff.wait(retries, spent=NONE) or NONE for _ in range(2_000)]
    ceiling = timedelta(seconds=2**retries)
    assert NONE <= min(waits) < 0.05 * ceiling
    assert 0.95 * ceiling < max(waits) <= ceiling


def test_the_same_seed_gives_the_same_waits() -> None:
    one, other = Backoff(Random(3)), Backoff(Random(3))
    assert [one.wait(n, spent=NONE) for n in range(9)] == [
        other.wait(n, spent=NONE) for n in range(9)
    ]


def test_a_wait_ends_no_later_than_the_window() -> None:
    backoff = Backoff(Random(1))
    left = timedelta(seconds=2)
    waits = [backoff.wait(30, spent=WINDOW - left) for _ in range(50)]
    assert max(wait for wait in waits if wait is not None) == left


def test_nothing_is_tried_again_once_four_hours_have_passed() -> None:
    """Rule segment.delivery.retry."""
    assert Backoff(Random(1)).wait(3, spent=timedelta(hours=4)) is None


def test_a_wait_is_no_shorter_than_the_vendor_asked_for() -> None:
    """Rule segment.delivery.waits."""
    wait = Backoff(Random(1)).wait(0, spent=NONE, after=timedelta(minutes=3))
    assert wait == timedelta(minutes=3)


def test_a_wait_that_the_window_has_no_room_for_is_not_begun() -> None:
    backoff, spent = Backoff(Random(1)), timedelta(hours=3)
    assert backoff.wait(0, spent=spent, after=timedelta(hours=1)) == timedelta(hours=1)
    assert backoff.wait(0, spent=spent, after=timedelta(hours=1, seconds=1)) is None


def test_the_scale_compresses_waits_and_window() -> None:
    fast, slow = Backoff(Random(5), scale=0.001), Backoff(Random(5))
    assert fast.window == timedelta(seconds=14.4)
    for retries in range(8):
        quick, long = fast.wait(retries, spent=NONE), slow.wait(retries, spent=NONE)
        assert quick is not None
        assert long is not None
        assert quick.total_seconds() == pytest.approx(long.total_seconds() / 1000, abs=1e-6)


def test_the_scale_shortens_no_wait_that_the_vendor_asked_for() -> None:
    wait = Backoff(Random(1), scale=0.001).wait(0, spent=NONE, after=timedelta(seconds=30))
    assert wait == timedelta(seconds=30)


def test_four_hours_hold_some_fifteen_tries() -> None:
    tries = []
    for seed in range(200):
        backoff, spent, n = Backoff(Random(seed)), NONE, 0
        while (wait := backoff.wait(n, spent=spent)) is not None:
            spent, n = spent + wait, n + 1
        tries.append(n)
    assert 12 <= sum(tries) / len(tries) <= 18
    assert max(tries) < 40
