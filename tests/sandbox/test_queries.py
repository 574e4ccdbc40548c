"""Questions to journal and ledger: each filter narrows, and one that does not exist is an error."""

import re
from typing import Any

import pytest

from contracts.model import BadValue, MeterboxError, UnknownSetting
from contracts.reader import read_folder
from sandbox.account import Account
from sandbox.journal import Dropped, Journal
from sandbox.ledger import Ledger
from sandbox.queries import Page, entries, exchanges, known, totals
from sandbox.reply import Effects, Usage
from tests.acme import HERE, NOW, usage
from tests.conftest import Ask

KNOWN = known([read_folder(HERE)])


def numbers_of(page: Page[Any]) -> list[int]:
    return [number for number, _ in page.rows]


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
        ({"limit": "2"}, [1, 2]),
        ({"before": "3"}, [1, 2]),
        ({"last": "2", "before": "4"}, [2, 3]),
        ({"last": "2", "after": "1", "before": "3"}, [2]),
        ({"last": "9", "before": "0"}, []),
        ({"customer": "c2"}, [1]),
        ({"customer": "acm"}, []),
        ({"text": "QUANTITY c1"}, [1, 2, 3, 4]),
        ({"text": "post 400"}, [3]),
        ({"text": "usage/a"}, [4]),
        ({"text": "nowhere"}, []),
    ],
)
def test_each_filter_narrows_the_exchanges(
    asked: Account, query: dict[str, str], numbers: list[int]
) -> None:
    assert numbers_of(exchanges(asked.journal, query, KNOWN)) == numbers


def test_only_later_exchanges_are_told_after_a_number(asked: Account) -> None:
    query = {"method": "POST", "after": "2"}
    assert numbers_of(exchanges(asked.journal, query, KNOWN)) == [3]


def test_numbers_stay_right_after_some_were_dropped(asked: Account) -> None:
    journal = Journal(kept=2)
    for told in asked.journal.after(0):
        journal.append(told)
    assert numbers_of(exchanges(journal, {}, KNOWN)) == [3, 4]
    assert numbers_of(exchanges(journal, {"after": "3"}, KNOWN)) == [4]
    with pytest.raises(Dropped):
        exchanges(journal, {"after": "1"}, KNOWN)


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
    page = entries(asked.ledger, query, KNOWN)
    assert [entry.usage.event for _, entry in page.rows] == events


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
        entries(asked.ledger, {"custmer": "c1"}, KNOWN)
    with pytest.raises(UnknownSetting, match="Did you mean 'verdict'"):
        exchanges(asked.journal, {"verdikt": "refused"}, KNOWN)


@pytest.fixture
def long() -> Ledger:
    """1,200 entries are kept, and 300 were dropped."""
    ledger = Ledger(kept=1_200)
    for n in range(15):
        usages = [Usage(f"e{100 * n + i}", "c1", "calls", 1) for i in range(1, 101)]
        ledger.record(n + 1, NOW, Effects("late" if n == 14 else "accepted", usages))
    return ledger


@pytest.mark.parametrize(
    ("query", "first", "last", "after", "more"),
    [
        ({}, 301, 1300, 1300, True),
        ({"limit": "5000"}, 301, 1300, 1300, True),
        ({"after": "1300"}, 1301, 1500, 1500, False),
        ({"after": "1300", "limit": "200"}, 1301, 1500, 1500, False),
        ({"after": "1300", "limit": "199"}, 1301, 1499, 1499, True),
        ({"last": "3"}, 1498, 1500, 1500, False),
        ({"last": "5000"}, 501, 1500, 1500, False),
        ({"outcome": "late"}, 1401, 1500, 1500, False),
        ({"outcome": "late", "limit": "1"}, 1401, 1401, 1401, True),
        ({"outcome": "accepted", "last": "1"}, 1400, 1400, 1500, False),
    ],
)
def test_a_ledger_is_read_page_by_page(
    long: Ledger, query: dict[str, str], first: int, last: int, after: int, more: bool
) -> None:
    page = entries(long, query, KNOWN)
    assert (numbers_of(page)[0], numbers_of(page)[-1]) == (first, last)
    assert (page.next, page.more) == (after, more)
    assert all(entry.usage.event == f"e{number}" for number, entry in page.rows)


@pytest.mark.parametrize("query", [{"after": "1500"}, {"last": "0"}, {"after": "99999"}])
def test_a_page_of_nothing_goes_on_from_the_newest(long: Ledger, query: dict[str, str]) -> None:
    assert entries(long, query, KNOWN) == Page([], 1500, False)


def test_no_entry_at_all_goes_on_from_where_it_was_asked(long: Ledger) -> None:
    assert entries(long, {"after": "400", "limit": "0"}, KNOWN) == Page([], 400, True)


def test_entries_that_were_dropped_are_no_empty_list(long: Ledger) -> None:
    with pytest.raises(Dropped, match="The ledger has dropped 300 entries"):
        entries(long, {"after": "299"}, KNOWN)


def test_a_ledger_does_not_wait(long: Ledger) -> None:
    with pytest.raises(UnknownSetting, match="wait"):
        entries(long, {"wait": "1"}, KNOWN)


def test_the_oldest_and_the_newest_are_not_asked_for_at_once(long: Ledger) -> None:
    with pytest.raises(BadValue, match="together with limit"):
        entries(long, {"last": "1", "limit": "1"}, KNOWN)


def test_the_newest_exchanges_come_by_their_numbers(asked: Account) -> None:
    page = exchanges(asked.journal, {"last": "2"}, KNOWN)
    assert (numbers_of(page), page.next, page.more) == ([3, 4], 4, False)


def test_a_cut_list_of_exchanges_goes_on_from_its_last(asked: Account) -> None:
    query = {"endpoint": "record-usage", "limit": "2"}
    page = exchanges(asked.journal, query, KNOWN)
    assert (numbers_of(page), page.next, page.more) == ([1, 2], 2, True)
    page = exchanges(asked.journal, {**query, "after": "2"}, KNOWN)
    assert (numbers_of(page), page.next, page.more) == ([3], 4, False)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"verdict": "refusd"}, "verdict: there is no 'refusd'. Did you mean 'refused'?"),
        ({"verdict": "ok"}, "Known: accepted, not billed, refused, answered, fault."),
        ({"vendor": "acmee"}, "vendor: there is no 'acmee'. Did you mean 'acme'?"),
        ({"vendor": ""}, "vendor: there is no ''. Known: acme."),
        ({"rule": "acme.usage.quantiy"}, "Did you mean 'acme.usage.quantity'?"),
        ({"endpoint": "record-use"}, "Did you mean 'record-usage'?"),
        ({"status": "4000"}, "status: '4000' is not a status"),
        ({"status": "20"}, "status: '20' is not a status"),
        ({"status": "2xx"}, "status: '2xx' is not a status"),
    ],
)
def test_a_value_no_exchange_can_have_is_an_error(
    asked: Account, query: dict[str, str], said: str
) -> None:
    with pytest.raises(MeterboxError, match=re.escape(said)):
        exchanges(asked.journal, query, KNOWN)


def test_an_outcome_or_a_rule_no_entry_can_have_is_an_error(asked: Account) -> None:
    with pytest.raises(MeterboxError, match="Did you mean 'duplicate'"):
        entries(asked.ledger, {"outcome": "duplicat"}, KNOWN)
    with pytest.raises(MeterboxError, match=r"Did you mean 'acme\.usage\.late'"):
        entries(asked.ledger, {"rule": "acme.usage.lat"}, KNOWN)
