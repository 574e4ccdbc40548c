"""The page in a real browser: each view in both themes and sizes, by keyboard, live."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, expect

from tests.browsing import MARKS, shoot, visiting
from tests.sandbox.page.traffic import HOSTILE, Traffic, event
from tests.waiting import until

pytestmark = MARKS
EXCHANGE = "/_meterbox/page/exchanges/"


VIEWS = {
    "feed": "/",
    "nothing": "/?text=nowhere-at-all",
    "gone": f"{EXCHANGE}none",
    **{name: f"{EXCHANGE}{{{name}}}" for name in ("duplicate", "refused", "hostile", "fault")},
}
"""Every view, by a name for its picture; `{name}` is an exchange's id."""


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_accessible_and_asks_nobody_else(
    browser: Browser, traffic: Traffic, name: str
) -> None:
    with visiting(browser) as visit:
        visit.page.goto(traffic.url + VIEWS[name].format(**traffic.ids))
        assert visit.seen(name) == []
        assert visit.origins == {traffic.url}
        assert [told for told in visit.complaints if "404" not in told] == []


def test_what_happens_is_seen_within_a_second(browser: Browser, traffic: Traffic) -> None:
    with visiting(browser) as visit:
        with visit.page.expect_response(lambda answer: "/feed/stream" in answer.url):
            visit.page.goto(traffic.url)

        def quick() -> bool:
            began = time.monotonic()
            traffic.ingest("seen", event("seen"))
            visit.page.locator(f"#rows a[href$='{traffic.ids['seen']}']").wait_for()
            return time.monotonic() - began < 1

        until(quick)  # once is enough: others share the machine
        expect(visit.page.locator("#rows > li").first).to_contain_text("1 event")
        expect(visit.page.locator("#said")).to_have_text("1 new exchange")


def test_a_feed_that_is_paused_counts_what_is_new(browser: Browser, traffic: Traffic) -> None:
    with visiting(browser) as visit:
        with visit.page.expect_response(lambda answer: "/feed/stream" in answer.url):
            visit.page.goto(traffic.url)
        visit.page.keyboard.press("p")
        for n in range(3):
            traffic.ingest(f"paused-{n}", event(f"paused-{n}"))
        expect(visit.page.locator("[data-fresh-count]")).to_have_text("3 new")
        row = visit.page.locator(f"#rows a[href$='{traffic.ids['paused-2']}']")
        assert row.count() == 0
        expect(visit.page).to_have_title("(3) Feed · meterbox")
        visit.page.keyboard.press("p")
        row.wait_for()
        expect(visit.page.locator("[data-fresh]")).to_be_hidden()


def test_a_search_narrows_the_feed_and_stays_in_the_address(
    browser: Browser, traffic: Traffic
) -> None:
    with visiting(browser) as visit:
        visit.page.goto(traffic.url)
        visit.page.keyboard.press("/")
        visit.page.keyboard.insert_text("event_nmae")  # at once: whoever pauses searches on the way
        expect(visit.page.locator("#rows > li")).to_have_count(1)
        assert visit.page.url == f"{traffic.url}/?text=event_nmae"
        visit.page.keyboard.press("Escape")
        visit.page.keyboard.press("j")
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url(f"**{EXCHANGE}{traffic.ids['refused']}")
        beside = visit.page.locator("[data-path='$.events[1].event_nmae'] > .finding")
        expect(beside).to_contain_text("write 'event_name' in the place of 'event_nmae'")
        visit.page.go_back()
        expect(visit.page.locator("#text")).to_have_value("event_nmae")
        visit.page.go_back()
        expect(visit.page.locator("#text")).to_have_value("")
        expect(visit.page.locator("#rows > li").nth(5)).to_be_visible()


def test_the_keyboard_alone_reaches_everything(browser: Browser, traffic: Traffic) -> None:
    with visiting(browser) as visit:
        for path in ("/", EXCHANGE + traffic.ids["refused"]):
            visit.page.goto(traffic.url + path)
            assert visit.unreached() == []


def test_keys_move_open_and_tell_of_themselves(browser: Browser, traffic: Traffic) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(traffic.url)
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        assert page.evaluate("document.activeElement.closest('li').dataset.number") == (
            page.locator("#rows > li").first.get_attribute("data-number")
        )
        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()
        assert visit.violations() == []
        shoot(page, "help")
        page.keyboard.press("Escape")
        expect(page.locator("#help")).to_be_hidden()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{EXCHANGE}*")
        here = page.url
        with page.expect_navigation():
            page.keyboard.press("[")
        assert page.url != here
        with page.expect_navigation():
            page.keyboard.press("Escape")
        assert page.url == f"{traffic.url}/"


def test_what_a_payload_says_is_text(browser: Browser, traffic: Traffic) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(traffic.url + EXCHANGE + traffic.ids["hostile"])
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        shown = " ".join(page.locator(".tree").first.inner_text().split())
        for text in HOSTILE:
            assert " ".join(seen(text).split()) in shown, text
        assert page.title().startswith("POST")
        assert page.locator("main script, main img, main b, main [onload]").count() == 0
        assert page.locator("main .unseen").count() > 10
        page.goto(f"{traffic.url}/?text=%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE%00")
        assert page.locator("main script").count() == 0
        assert visit.complaints == []


def seen(text: str) -> str:
    """A text as it is made visible."""
    low = [c for c in set(text) if (ord(c) < 32 and c not in "\t\n") or 0x200A < ord(c) < 0x2070]
    for character in low:
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def test_a_script_in_the_page_itself_would_not_run(browser: Browser, traffic: Traffic) -> None:
    """Were one planted: the policy holds where the escaping failed."""
    planted = (
        "<script>window.owned = 1</script><img src=x onerror='window.owned = 1'><style>*{}</style>"
    )
    with visiting(browser) as visit:

        def plant(route) -> None:
            answer = route.fetch()
            route.fulfill(response=answer, body=answer.text().replace("<main", planted + "<main"))

        visit.page.route(f"{traffic.url}/", plant)
        visit.page.goto(traffic.url)
        assert visit.page.evaluate("window.owned") is None
        assert sum("Content Security Policy" in told for told in visit.complaints) == 3
