"""The journal is bounded, can be waited for, and says what it no longer has."""

import asyncio
import time

import pytest

from sandbox.faults import Fault
from sandbox.journal import Dropped, Exchange, Feed, Journal
from sandbox.reply import Effects, Outcome, Reply, Request, Usage
from tests.acme import NOW


def exchange(number: int, *, body: bytes = b"", status: int = 200, **more: object) -> Exchange:
    request = Request("POST", "/usage", body=body)
    told = Exchange(number, "acme", "handle", NOW, None, request, Reply(status), (), ())
    for name, value in more.items():
        setattr(told, name, value)
    return told


def filled(count: int, kept: int = 100) -> Journal:
    journal = Journal(kept=kept)
    for _ in range(count):
        journal.append(exchange(journal.next))
    return journal


def numbers(journal: Journal, after: int) -> list[int]:
    return [told.number for told in journal.after(after)]


def test_exchanges_are_numbered_from_one_and_told_in_order() -> None:
    assert numbers(filled(3), 0) == [1, 2, 3]
    assert numbers(filled(3), 2) == [3]
    assert numbers(filled(3), 3) == []


def test_of_too_many_the_oldest_are_dropped_and_counted() -> None:
    journal = filled(5, kept=2)
    assert (numbers(journal, 0), journal.dropped, journal.next) == ([4, 5], 3, 6)


def test_bodies_count_against_the_bytes_that_are_kept() -> None:
    journal = Journal(kept_bytes=100)
    for number in range(1, 5):
        journal.append(exchange(number, body=b"x" * 40))
    assert (numbers(journal, 0), journal.dropped) == ([3, 4], 2)


def test_an_exchange_too_large_to_keep_is_kept_until_the_next() -> None:
    journal = Journal(kept_bytes=100)
    journal.append(exchange(1, body=b"x" * 1_000))
    assert numbers(journal, 0) == [1]
    journal.append(exchange(2))
    assert (numbers(journal, 0), journal.dropped) == ([2], 1)


def test_an_answer_of_a_good_status_may_be_a_refusal() -> None:
    assert exchange(1).verdict == "answered"
    assert exchange(1, reply=Reply(200, refuses=True)).verdict == "refused"


def test_asking_for_what_was_dropped_is_an_error_and_not_an_empty_answer() -> None:
    journal = filled(5, kept=2)
    for asked in (1, 3):
        with pytest.raises(Dropped, match="has dropped 3 exchanges; ask for later ones"):
            journal.get(asked)
    for asked in (1, 2):
        with pytest.raises(Dropped):
            numbers(journal, asked)
    assert numbers(journal, 3) == [4, 5]
    kept = journal.get(4)
    assert kept is not None
    assert kept.number == 4


@pytest.mark.parametrize("number", [-1, 0, 6, 10**9])
def test_an_exchange_that_never_was_is_none(number: int) -> None:
    assert filled(5).get(number) is None


def test_who_waits_is_woken_by_the_next_exchange() -> None:
    async def run() -> tuple[bool, float]:
        journal = Journal()
        asyncio.get_running_loop().call_later(0.02, journal.append, exchange(1))
        start = time.perf_counter()
        return await journal.appended(10), time.perf_counter() - start

    came, waited = asyncio.run(run())
    assert came
    assert waited < 9


def test_all_who_wait_are_woken_at_once() -> None:
    async def run() -> list[bool]:
        journal = Journal()
        waiting = [asyncio.create_task(journal.appended(10)) for _ in range(20)]
        await asyncio.sleep(0)
        journal.append(exchange(1))
        return await asyncio.gather(*waiting)

    assert asyncio.run(run()) == [True] * 20


def test_who_waits_in_vain_is_told_so() -> None:
    assert asyncio.run(Journal().appended(0.01)) is False


def test_who_gave_up_waiting_does_not_spoil_the_next_wait() -> None:
    async def run() -> bool:
        journal = Journal()
        await journal.appended(0.01)
        asyncio.get_running_loop().call_soon(journal.append, exchange(1))
        return await journal.appended(10)

    assert asyncio.run(run()) is True


def effects(outcome: Outcome) -> Effects:
    return Effects(outcome, [Usage("e1", "c1", "calls", 1)])


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (exchange(1), "answered"),
        (exchange(1, effects=(effects("accepted"),)), "accepted"),
        (exchange(1, effects=(effects("updated"),)), "accepted"),
        (exchange(1, effects=(effects("accepted"), effects("duplicate"))), "not billed"),
        (exchange(1, effects=(effects("late"),)), "not billed"),
        (exchange(1, status=400, effects=(effects("rejected"),)), "refused"),
        (exchange(1, status=503, fault=Fault("status")), "fault"),
        (exchange(1, status=0, fault=Fault("reset")), "fault"),
        (exchange(1, effects=(effects("accepted"),), fault=Fault("lost-reply")), "accepted"),
        (exchange(1, fault=Fault("delay")), "answered"),
    ],
)
def test_the_verdict_is_the_word_a_person_wants_first(told: Exchange, verdict: str) -> None:
    assert told.verdict == verdict


def test_an_id_names_the_vendor_the_account_and_the_number() -> None:
    assert exchange(7).id == "acme-handle-7"


def test_what_came_before_is_told_newest_first_with_its_number() -> None:
    journal = filled(5, kept=3)
    assert [n for n, _ in journal.before(99)] == [5, 4, 3]
    assert [(n, told.number) for n, told in journal.before(5)] == [(4, 4), (3, 3)]
    assert list(journal.before(3)) == []
    assert list(journal.before(0)) == []


def test_the_feed_goes_back_as_far_as_the_accounts_keep() -> None:
    feed, journal = Feed(past=6), Journal()
    feed._kept = 4
    for number in range(1, 21):
        journal.append(exchange(number))
        feed.append(exchange(number) if number in (12, 18) else journal.get(number))  # type: ignore[arg-type]
    # Of 18 the feed is all that keeps it, of 12 nothing does, and 10 is further back than it looks.
    assert [n for n, _ in feed.before(99)] == [20, 19, 18, 17, 16, 15, 14, 13, 11]
    assert [(n, told.number) for n, told in feed.before(15)] == [(14, 14), (13, 13), (11, 11)]
    journal.clear()
    assert [n for n, _ in feed.before(99)] == [20, 19, 18, 17]
    with pytest.raises(Dropped):
        feed.after(12)
