"""A tally is what the ledger itself says, counted: the same totals, every entry, each reason."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.reader import read_folder
from sandbox.account import Account
from sandbox.ledger import BILLED, Ledger
from sandbox.page.chart import BARS, chart
from sandbox.page.tallies import CHUNK, Tallies
from sandbox.reply import Effects, Outcome, Usage
from sandbox.tally import Tally, name
from tests.acme import HERE, NOW
from tests.acme.app import create_room

ROOM = create_room(read_folder(HERE))
WORDS: tuple[Outcome, ...] = ("accepted", "updated", "duplicate", "late", "rejected", "removed")
usages = st.builds(
    Usage,
    event=st.sampled_from("abcdef"),
    customer=st.sampled_from(["acme", "globex", None]),
    meter=st.sampled_from(["calls", "bytes", None]),
    quantity=st.integers(0, 9),
    unbilled=st.sampled_from([None, None, "acme.unmatched"]),
)
blocks = st.tuples(st.sampled_from(WORDS), st.lists(usages, min_size=1, max_size=4))


def test_what_comes_while_it_is_read_is_in_all_of_it_or_in_none() -> None:
    def some(event: str) -> Usage:
        return Usage(event=event, customer="acme", meter="calls", quantity=1)

    account = of([("accepted", [some(f"e{n}")]) for n in range(CHUNK + 10)], 10 * CHUNK)

    async def read() -> Tally:
        reading = asyncio.ensure_future(Tallies().of(account))
        await asyncio.sleep(0)
        account.ledger.record(CHUNK + 11, NOW, Effects("accepted", [some("late")], None))
        return await reading

    (cell,) = asyncio.run(read()).cells.values()
    (total,) = cell.totals
    assert total.events == cell.outcomes["accepted"] == CHUNK + 10


def of(happened: list[tuple[Outcome, list[Usage]]], kept: int = 1_000) -> Account:
    made = Account(ROOM, "tally", seed=0, source=lambda: NOW)
    made.ledger = Ledger(kept)
    for number, (outcome, found) in enumerate(happened, 1):
        rule = None if outcome == "accepted" else f"acme.{outcome}"
        made.ledger.record(number, NOW + timedelta(hours=number), Effects(outcome, found, rule))
    return made


@given(st.lists(blocks, max_size=8), st.sampled_from([3, 1_000]))
def test_a_tally_has_what_the_ledger_has(
    happened: list[tuple[Outcome, list[Usage]]], kept: int
) -> None:
    made = of(happened, kept)
    tally, entries = Tally.whole(made), list(made.ledger.entries())
    totals = [total for cell in tally.cells.values() for total in cell.totals]
    assert sorted(map(repr, totals)) == sorted(map(repr, made.ledger.totals()))
    assert tally.outcomes == Counter(entry.outcome for entry in entries)
    assert sum(tally.times.values()) == len(entries)
    told = {(why.outcome, why.rule): why.count for why in tally.reasons}
    assert told == Counter((e.outcome, e.rule) for e in entries if e.outcome not in BILLED)
    for entry in entries:
        cell = tally.cells[name(entry.usage.customer, entry.usage.meter)]
        assert (cell.customer, cell.meter) == (entry.usage.customer, entry.usage.meter)
    assert sum(sum(c.outcomes.values()) for c in tally.cells.values()) == len(entries)


@given(st.lists(blocks, max_size=8), st.sampled_from([3, 1_000]), st.integers(0, 20))
def test_the_newest_entries_are_the_same_from_the_end(
    happened: list[tuple[Outcome, list[Usage]]], kept: int, before: int
) -> None:
    ledger = of(happened, kept).ledger
    newest = list(ledger.newest())
    plain = [(e.exchange, e.outcome, e.usage) for e in ledger.entries()]
    assert [(e.exchange, e.outcome, e.usage) for _, e in newest] == plain[::-1]
    assert [n for n, _ in newest] == list(range(ledger.dropped + len(plain), ledger.dropped, -1))
    assert list(ledger.newest(before)) == [row for row in newest if row[0] < before]


def test_what_may_change_a_ledger_is_counted() -> None:
    ledger = of([("accepted", [Usage("a", "acme", "calls", 1)])]).ledger
    before = ledger.changes
    ledger.recount()
    assert ledger.changes > before


def test_nobody_is_not_somebody_called_none() -> None:
    names = {name(None, "calls"), name("None", "calls"), name("calls", None), name("", "calls")}
    assert len(names) == 4


@given(st.lists(st.tuples(st.integers(0, 10**9), st.sampled_from(WORDS)), min_size=1, max_size=30))
def test_a_chart_has_every_entry_in_few_bars_that_fit(found: list[tuple[int, Outcome]]) -> None:
    times = Counter((NOW + timedelta(seconds=after), word) for after, word in found)
    drawn = chart(times, WORDS)
    assert drawn is not None
    assert len(drawn.bars) <= BARS
    assert sum(bar.count for bar in drawn.bars) == len(found)
    assert max(bar.count for bar in drawn.bars) == drawn.most
    for bar in drawn.bars:
        assert -0.01 <= bar.x <= 100 - drawn.width
        assert all(part.y >= 10 and part.height > 0 for part in bar.parts)
        assert sum(part.count for part in bar.parts) == bar.count


def test_nothing_is_no_chart() -> None:
    assert chart({}, WORDS) is None
