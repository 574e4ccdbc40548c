"""Ledger and rules in a real browser, on two days of traffic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from sandbox.app import create_app
from sandbox.auth import handle
from sandbox.server import Running
from tests.browsing import MARKS, visiting
from tests.sandbox.page.booked import BOOKED, amiss, booked, control
from tests.sandbox.page.traffic import HOSTILE, Traffic

pytestmark = MARKS
ROOT = "/_meterbox/page"
OF = f"orb/{handle(BOOKED)}"
VIEWS = {
    "ledger": f"{ROOT}/ledger?account={OF}",
    "ledger-events": f"{ROOT}/ledger/events?account={OF}&outcome=duplicate",
    "rules": f"{ROOT}/rules?text=grace",
}


@pytest.fixture(scope="module")
def books() -> Iterator[Traffic]:
    with Running(create_app()) as running:
        sent = booked(running.url)
        yield sent
        sent.close()


@pytest.mark.parametrize("name", VIEWS)
def test_each_view_is_accessible_and_asks_nobody_else(
    browser: Browser, books: Traffic, name: str
) -> None:
    with visiting(browser) as visit:
        visit.page.goto(books.url + VIEWS[name])
        assert visit.seen(name) == []
        assert visit.unreached() == []
        assert visit.origins == {books.url}
        assert amiss(visit) == []


def test_the_ledger_leads_down_to_the_exchange(browser: Browser, books: Traffic) -> None:
    told = control(books, "ledger", method="GET")
    with visiting(browser) as visit:
        page = visit.page
        page.goto(books.url + VIEWS["ledger"])
        row = page.locator(".cells tbody tr", has_text="acme").filter(has_text="api_call")
        (sum_,) = (
            total["quantity"]
            for total in told["totals"]
            if (total["customer"], total["meter"]) == ("acme", "api_call")
        )
        expect(row.locator(".billed")).to_have_text(str(sum_))
        late = [e for e in told["entries"] if e["outcome"] == "late"]
        row.get_by_role("link", name=f"{len(late)} late").click()
        expect(page.locator("tbody tr")).to_have_count(len(late))
        page.locator("tbody tr a").first.click()
        page.wait_for_url(f"**/exchanges/{late[-1]['exchange']}")
        assert amiss(visit) == []


def test_what_is_not_billed_has_a_reason(browser: Browser, books: Traffic) -> None:
    with visiting(browser) as visit:
        visit.page.goto(books.url + VIEWS["ledger"])
        silent = visit.page.locator("[aria-labelledby='accepted-but-not-billed']")
        why = silent.locator("li", has_text="orb.ingest.duplicate")
        expect(why).to_contain_text("A known idempotency key is accepted with 200")
        expect(why.locator(".c-documented")).to_have_text("documented")
        # Late events are refused there, and whoever sent them knows.
        refused = visit.page.locator("[aria-labelledby='refused']")
        expect(refused).to_contain_text("orb.ingest.grace-period")
        expect(silent).not_to_contain_text("orb.ingest.grace-period")
        bars = visit.page.locator(".bars .bar")
        assert bars.count() == 40
        visit.page.get_by_text("The chart as a table").click()
        expect(visit.page.locator(".chart tbody tr")).to_have_count(40)


def test_a_search_of_the_ledger_takes_names_as_text(browser: Browser, books: Traffic) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(books.url + VIEWS["ledger"])
        page.keyboard.press("/")
        page.keyboard.type("<script>")
        rows = page.locator(".cells tbody tr")
        expect(rows).to_have_count(1)
        expect(rows.first).to_contain_text(HOSTILE[0])
        rows.first.get_by_role("link").first.click()
        expect(page.locator(".facts")).to_contain_text(HOSTILE[0])
        assert page.locator("main script, main img, main b, main [onload]").count() == 0
        assert page.title() == "Events · meterbox"
        assert amiss(visit) == []


def test_rules_are_found_and_say_what_the_traffic_did(browser: Browser, books: Traffic) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(f"{books.url}{ROOT}/rules")
        count = page.locator("#rules .count")
        page.get_by_label("Vendor").select_option("orb")
        expect(count).to_contain_text(" of ")
        page.get_by_label("Traffic").select_option("exercised")
        page.wait_for_url("**traffic=exercised*")
        page.get_by_label("Search rules").fill("grace")
        rows = page.locator(".rule-row")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("An event older than the account's grace period")
        expect(rows).to_contain_text("12h by default")
        rows.locator("summary").click()
        assert rows.locator(".cases li").count() > 0
        rows.get_by_role("link", name="10 exchanges").click()
        page.wait_for_url("**/?rule=orb.ingest.grace-period")
        expect(page.locator("#rows > li.row")).to_have_count(10)
        assert amiss(visit) == []


def test_more_rules_come_when_they_are_asked_for(browser: Browser, books: Traffic) -> None:
    with visiting(browser) as visit:
        visit.page.goto(f"{books.url}{ROOT}/rules")
        rows = visit.page.locator(".rule-row")
        before = rows.count()
        visit.page.locator(".rules .older a").focus()
        visit.page.keyboard.press("Enter")
        expect(rows).not_to_have_count(before)
        assert rows.count() > before
