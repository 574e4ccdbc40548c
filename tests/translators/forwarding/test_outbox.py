"""The outbox: bounded, in order, honest about what it no longer holds."""

from dataclasses import replace
from datetime import UTC, datetime

from translators.forwarding.outbox import Outbox
from translators.forwarding.outcome import Dead, Delivered, Retry

AT = datetime(2026, 1, 15, tzinfo=UTC)


def filled(outbox: Outbox, count: int, origin: str = "a") -> None:
    for _ in range(count):
        outbox.put(replace(outbox.add(origin, "orb", {}, AT), outcome=Delivered()))


def test_deliveries_are_listed_by_origin_in_the_order_they_came() -> None:
    outbox = Outbox()
    first, _, third = (outbox.add(origin, "orb", {}, AT) for origin in ("a", "b", "a"))
    outbox.put(replace(first, outcome=Delivered()))
    assert [delivery.number for delivery in outbox.of("a")] == [first.number, third.number]


def test_a_delivery_is_pending_until_it_is_settled() -> None:
    outbox = Outbox()
    delivery = outbox.add("a", "orb", {}, AT)
    outbox.put(replace(delivery, outcome=Retry(None, "503", "503")))
    assert outbox.pending == 1
    outbox.put(replace(delivery, outcome=Delivered()))
    assert outbox.pending == 0


def test_the_oldest_settled_deliveries_are_dropped_and_counted() -> None:
    outbox = Outbox(kept=3)
    filled(outbox, 5)
    assert [delivery.number for delivery in outbox.of("a")] == [3, 4, 5]
    assert outbox.dropped("a") == 2


def test_no_origin_drops_what_is_kept_of_another() -> None:
    outbox = Outbox(kept=3)
    filled(outbox, 2, "a")
    filled(outbox, 9, "b")
    assert [len(outbox.of(origin)) for origin in "ab"] == [2, 3]
    assert [outbox.dropped(origin) for origin in "ab"] == [0, 6]


def test_a_pending_delivery_is_never_dropped() -> None:
    outbox = Outbox(kept=1)
    waiting = outbox.add("a", "orb", {}, AT)
    filled(outbox, 5)
    assert waiting in outbox.of("a")


def test_what_comes_to_a_full_outbox_is_dead_and_listed() -> None:
    outbox = Outbox(most=1)
    outbox.add("a", "orb", {}, AT)
    late = outbox.add("a", "orb", {}, AT)
    assert late.outcome == Dead("1 deliveries are pending, the most there can be", "INTERNAL")
    assert outbox.of("a")[1] == late
    assert outbox.pending == 1


def test_no_origin_takes_the_room_of_another() -> None:
    outbox = Outbox(most=1)
    for _ in range(3):
        outbox.add("a", "orb", {}, AT)
    assert outbox.add("b", "orb", {}, AT).outcome is None
    assert outbox.pending == 2


def test_of_a_forgotten_origin_nothing_is_held_pending_or_taken_back() -> None:
    outbox = Outbox(kept=1)
    filled(outbox, 3, "a")
    waiting, other = outbox.add("a", "orb", {}, AT), outbox.add("b", "orb", {}, AT)
    outbox.forget("a")
    outbox.put(replace(waiting, outcome=Delivered()))
    assert [outbox.holds(delivery) for delivery in (waiting, other)] == [False, True]
    assert (outbox.of("a"), outbox.dropped("a"), outbox.pending) == ((), 0, 1)
    outbox.forget("nobody")
