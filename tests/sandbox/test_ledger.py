"""The ledger knows what the vendor would bill: once, for whom, exactly, and why not."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ledger import Ledger, Total
from sandbox.reply import Effects, Outcome, Usage
from tests.acme import NOW


def use(event: str, quantity: Any = 1, customer: str = "c1", meter: str = "calls") -> Usage:
    return Usage(event, customer, meter, quantity)


def recorded(*happened: tuple[Outcome, list[Usage]], kept: int = 1_000) -> Ledger:
    ledger = Ledger(kept=kept)
    for number, (outcome, usages) in enumerate(happened, 1):
        ledger.record(number, NOW, Effects(outcome, usages, f"rule.{outcome}"))
    return ledger


def sums(ledger: Ledger) -> list[tuple[Any, int]]:
    return [(total.quantity, total.events) for total in ledger.totals()]


def test_nothing_recorded_is_nothing_billed() -> None:
    assert (recorded().totals(), list(recorded().entries())) == ([], [])


def test_accepted_usage_is_billed_by_customer_and_meter() -> None:
    ledger = recorded(
        ("accepted", [use("a", 2), use("b", 3), use("c", 5, customer="c2")]),
        ("accepted", [use("d", 7, meter="bytes")]),
    )
    assert ledger.totals() == [
        Total("c1", "calls", 5, 2),
        Total("c2", "calls", 5, 1),
        Total("c1", "bytes", 7, 1),
    ]


@pytest.mark.parametrize("outcome", ["duplicate", "late", "rejected", "unmatched", "dropped"])
def test_what_is_not_billed_is_an_entry_with_its_rule_and_no_total(outcome: Outcome) -> None:
    ledger = recorded((outcome, [use("a")]))
    [entry] = ledger.entries()
    assert (entry.outcome, entry.rule, entry.exchange) == (outcome, f"rule.{outcome}", 1)
    assert ledger.totals() == []


def test_a_duplicate_adds_nothing() -> None:
    assert sums(recorded(("accepted", [use("a", 2)]), ("duplicate", [use("a", 9)]))) == [(2, 1)]


def test_an_update_replaces_what_was_billed() -> None:
    assert sums(recorded(("accepted", [use("a", 2)]), ("updated", [use("a", 9)]))) == [(9, 1)]


def test_an_update_tells_what_was_billed_until_then() -> None:
    ledger = recorded(
        ("accepted", [use("a", 2), use("b", 3)]),
        ("updated", [use("a", 9, customer="c2"), use("a", 4)]),
        ("removed", [use("a")]),
        ("updated", [use("a", 1)]),
    )
    told = [[usage.quantity for usage in entry.replaced] for entry in ledger.entries()]
    assert told == [[], [], [2], [9], [], []]


def test_an_update_tells_what_it_replaced_though_that_entry_was_dropped() -> None:
    ledger = recorded(("accepted", [use("a", 2)]), ("updated", [use("a", 9)]), kept=1)
    assert [entry.replaced for entry in ledger.entries()] == [(use("a", 2),)]


def test_an_update_may_move_usage_to_another_customer() -> None:
    ledger = recorded(("accepted", [use("a", 2)]), ("updated", [use("a", 2, customer="c2")]))
    assert ledger.totals() == [Total("c2", "calls", 2, 1)]


def test_accepted_twice_is_billed_twice() -> None:
    """The very thing a vendor without deduplication, or past its window, does."""
    assert sums(
        recorded(("accepted", [use("a", 2), use("a", 2)]), ("accepted", [use("a", 2)]))
    ) == [(6, 3)]


def test_what_is_removed_is_billed_no_more_and_may_come_again() -> None:
    gone = recorded(("accepted", [use("a", 2)]), ("removed", [use("a", 2)]))
    assert gone.totals() == []
    gone.record(3, NOW, Effects("accepted", [use("a", 4)]))
    assert sums(gone) == [(4, 1)]


def test_a_second_event_of_a_name_is_never_another_name() -> None:
    twice = recorded(("accepted", [use("a", 2), use("a+", 3)]), ("accepted", [use("a", 5)]))
    assert sums(twice) == [(10, 3)]
    twice.record(3, NOW, Effects("removed", [use("a")]))
    assert sums(twice) == [(3, 1)]
    twice.record(4, NOW, Effects("updated", [use("a+", 7)]))
    assert sums(twice) == [(7, 1)]


def test_removing_what_never_came_is_no_error() -> None:
    assert recorded(("removed", [use("a")])).totals() == []


@pytest.mark.parametrize(
    ("quantities", "total"),
    [
        ([0.1, 0.2], Decimal("0.3")),
        ([0.1] * 10, 1),
        ([1e16, 1, -1e16], 1),
        ([Decimal("0.10"), 0.2], Decimal("0.30")),
        ([2**63, 2**63], 2**64),
        ([-5, 5], 0),
        ([2**62, 1e-12], Decimal("4611686018427387904.000000000001")),
    ],
)
def test_sums_are_exact(quantities: list[Any], total: Any) -> None:
    ledger = recorded(("accepted", [use(str(n), q) for n, q in enumerate(quantities)]))
    assert ledger.totals()[0].quantity == total


def test_a_whole_sum_is_an_int() -> None:
    total = recorded(("accepted", [use("a", 1.5), use("b", 1.5)])).totals()[0]
    assert isinstance(total.quantity, int)


def test_totals_asked_for_in_between_are_totals_all_the_same() -> None:
    ledger = Ledger()
    for number in range(1, 4):
        ledger.record(number, NOW, Effects("accepted", [use(str(number))]))
        assert sums(ledger) == [(number, number)]


def test_dropped_entries_are_counted_and_their_usage_stays_billed() -> None:
    ledger = recorded(*[("accepted", [use(f"{n}-a"), use(f"{n}-b")]) for n in range(6)], kept=4)
    assert [entry.exchange for entry in ledger.entries()] == [5, 5, 6, 6]
    assert (ledger.dropped, sums(ledger)) == (8, [(12, 12)])


def test_what_no_exchange_did_is_an_entry_all_the_same() -> None:
    ledger = Ledger()
    ledger.record(0, NOW, Effects("accepted", [use("a", 2)]))
    assert ([entry.exchange for entry in ledger.entries()], sums(ledger)) == ([0], [(2, 1)])


def test_an_update_of_usage_whose_entry_was_dropped_still_replaces_it() -> None:
    ledger = recorded(("accepted", [use("a", 2)]), ("accepted", [use("b", 3)]), kept=1)
    assert ledger.dropped == 1
    ledger.record(3, NOW, Effects("updated", [use("a", 10)]))
    assert sums(ledger) == [(13, 2)]


def several(*usages: Usage) -> Effects:
    """One event that counts for several meters, told by its name."""
    return Effects("accepted", [usages[0].event], None, lambda _: usages)


def test_one_event_may_count_for_several_meters_and_goes_from_all_of_them() -> None:
    ledger = Ledger()
    ledger.record(1, NOW, several(use("a", 2), use("a", 5, meter="bytes")))
    assert ledger.totals() == [Total("c1", "calls", 2, 1), Total("c1", "bytes", 5, 1)]
    assert [entry.usage.meter for entry in ledger.entries()] == ["calls", "bytes"]
    ledger.record(2, NOW, Effects("removed", [use("a")]))
    assert ledger.totals() == []


def test_the_largest_counts_where_a_meter_counts_so_and_goes_when_it_is_removed() -> None:
    seats = [Usage(str(n), "c1", "seats", n, "max") for n in (3, -1, 8, 5)]
    ledger = recorded(("accepted", seats))
    assert sums(ledger) == [(8, 4)]
    ledger.record(2, NOW, Effects("removed", [seats[2]]))
    assert sums(ledger) == [(5, 3)]


def test_values_that_differ_count_once_each_and_the_last_to_go_takes_its_value_along() -> None:
    users = [Usage(str(n), "c1", "users", 1, "unique", name) for n, name in enumerate("abab")]
    ledger = recorded(("accepted", users))
    assert sums(ledger) == [(2, 4)]
    ledger.record(2, NOW, Effects("removed", users[:2]))
    assert sums(ledger) == [(2, 2)]
    ledger.record(3, NOW, Effects("removed", users[2:3]))
    assert sums(ledger) == [(1, 1)]


def test_a_total_comes_to_the_least_there_may_be_and_what_follows_adds_to_the_sum() -> None:
    usages = [Usage(str(n), "c1", "credit", n, least=0) for n in (2, -5, 4)]
    ledger = recorded(("accepted", usages[:2]))
    assert sums(ledger) == [(0, 2)]
    ledger.record(2, NOW, Effects("accepted", usages[2:]))
    assert sums(ledger) == [(1, 3)]


def test_usage_that_is_not_billed_is_an_entry_with_its_own_rule_and_no_total() -> None:
    ledger = recorded(("accepted", [Usage("a", "c1", "calls", 1, unbilled="rule.of-its-own")]))
    [entry] = ledger.entries()
    assert (entry.outcome, entry.rule) == ("unmatched", "rule.of-its-own")
    assert ledger.totals() == []


def test_what_is_open_is_billed_once_its_meter_is_there_and_not_before() -> None:
    meters: set[str] = set()

    def usage(event: str) -> Usage:
        return Usage(event, "c1", "calls", 1, unbilled=None if meters else "rule.no-meter")

    ledger = Ledger()
    ledger.record(1, NOW, Effects("unmatched", ["a"], "rule.no-meter", usage, open=True))
    assert ledger.totals() == []
    meters.add("calls")
    ledger.recount()
    assert sums(ledger) == [(1, 1)]
    assert [entry.outcome for entry in ledger.entries()] == ["accepted"]


def test_a_recount_leaves_what_was_dropped_as_it_was() -> None:
    ledger = recorded(("accepted", [use("a", 2)]), ("accepted", [use("b", 3)]), kept=1)
    for _ in range(2):
        ledger.recount()
        assert sums(ledger) == [(5, 2)]


OUTCOMES: list[Outcome] = ["accepted", "updated", "duplicate", "removed"]
STEPS = st.lists(
    st.tuples(st.sampled_from(OUTCOMES), st.lists(st.sampled_from("abc"), min_size=1, max_size=3)),
    max_size=30,
)


@given(STEPS, st.integers(1, 8))
def test_a_bound_on_entries_never_changes_what_is_billed(
    steps: list[tuple[Outcome, list[str]]], kept: int
) -> None:
    happened: list[tuple[Outcome, list[Usage]]] = [
        (
            outcome,
            [use(f"{event}{n}" if outcome == "accepted" else f"{event}0", n) for event in events],
        )
        for n, (outcome, events) in enumerate(steps)
    ]
    assert sums(recorded(*happened, kept=kept)) == sums(recorded(*happened, kept=10**6))


def test_a_sum_that_no_64_bits_hold_is_written_whole() -> None:
    from sandbox import view

    total = recorded(("accepted", [use("a", 2**63), use("b", 10**30)])).totals()[0]
    assert (
        view.dumps({"quantity": total.quantity}) == b'{"quantity":1000000000009223372036854775808}'
    )
