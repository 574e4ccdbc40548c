"""Questions to journal and ledger: each filter narrows, and one that does not exist is an error."""

from typing import Any

import pytest

from contracts.model import UnknownSetting
from sandbox.account import Account
from sandbox.journal import Dropped, Journal
from sandbox.queries import entries, exchanges, limited, totals
from tests.acme import usage
from tests.conftest import Ask


@pytest.fixture
def asked(ask: Ask, account: Account) -> Account:
    """Four exchanges: two events of two customers, a duplicate, a refusal, a fetch."""
    ask("POST", "/acme/usage", json={"events": [usage("a", 2), usage("b", 3, customer="c2")]})
    ask("POST", "/acme/usage", json={"events": [usage("a", 2)]})
    ask("POST", "/acme/usage", json={"events": [usage("c", -1)]})
    ask("GET", "/acme/usage/a")
    return account


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, [1, 2, 3, 4]),
        ({"verdict": "accepted"}, [1]),
        ({"verdict": "not billed"}, [2]),
        ({"verdict": "refused"}, [3]),
        ({"status": "200"}, [1, 2, 4]),
        ({"method": "GET"}, [4]),
        ({"endpoint": "record-usage"}, [1, 2, 3]),
        ({"endpoint": "record-usage", "status": "400"}, [3]),
        ({"rule": "acme.usage.quantity"}, [3]),
        ({"rule": "acme.usage.time"}, []),
        ({"vendor": "acme"}, [1, 2, 3, 4]),
        ({"vendor": "other"}, []),
        ({"limit": "2"}, [1, 2]),
    ],
)
def test_each_filter_narrows_the_exchanges(
    asked: Account, query: dict[str, str], numbers: list[int]
) -> None:
    assert [n for n, _ in limited(exchanges(asked.journal, 0, query), query)] == numbers


def test_only_later_exchanges_are_told_after_a_number(asked: Account) -> None:
    assert [n for n, _ in exchanges(asked.journal, 2, {"method": "POST"})] == [3]


def test_numbers_stay_right_after_some_were_dropped(asked: Account) -> None:
    journal = Journal(kept=2)
    for told in asked.journal.after(0):
        journal.append(told)
    assert [n for n, _ in exchanges(journal, 0, {})] == [3, 4]
    assert [n for n, _ in exchanges(journal, 3, {})] == [4]
    with pytest.raises(Dropped):
        list(exchanges(journal, 1, {}))


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ({}, ["a", "b", "a", "c"]),
        ({"customer": "c2"}, ["b"]),
        ({"outcome": "duplicate"}, ["a"]),
        ({"event": "a", "outcome": "accepted"}, ["a"]),
        ({"meter": "bytes"}, []),
        ({"rule": "acme.usage.duplicate"}, ["a"]),
        ({"limit": "1"}, ["a"]),
        ({"limit": "0"}, []),
    ],
)
def test_each_filter_narrows_the_entries(
    asked: Account, query: dict[str, str], events: list[str]
) -> None:
    found = limited(entries(asked.ledger, query), query)
    assert [entry.usage.event for entry in found] == events


@pytest.mark.parametrize(
    ("query", "quantities"),
    [({}, [2, 3]), ({"customer": "c2"}, [3]), ({"meter": "calls"}, [2, 3]), ({"meter": "x"}, [])],
)
def test_totals_are_of_the_customer_and_meter_asked_for(
    asked: Account, query: dict[str, str], quantities: list[Any]
) -> None:
    assert [total.quantity for total in totals(asked.ledger, query)] == quantities


def test_a_filter_that_does_not_exist_is_an_error_and_no_empty_list(asked: Account) -> None:
    with pytest.raises(UnknownSetting, match="Did you mean 'customer'"):
        list(entries(asked.ledger, {"custmer": "c1"}))
    with pytest.raises(UnknownSetting, match="Did you mean 'verdict'"):
        list(exchanges(asked.journal, 0, {"verdikt": "refused"}))


@pytest.mark.parametrize(("asked_for", "given"), [("5", 5), ("5000", 1_000)])
def test_a_list_is_never_longer_than_a_thousand(asked_for: str, given: int) -> None:
    assert len(list(limited(range(2_000), {"limit": asked_for}))) == given
