"""The playground in a real browser: what is written is played at once, whatever it is."""

from __future__ import annotations

import json

from playwright.sync_api import Browser, expect

from tests.browsing import MARKS, visiting
from tests.sandbox.page.roads import event
from tests.sandbox.page.traffic import HOSTILE, Traffic

pytestmark = MARKS
PLAYGROUND = "/_meterbox/page/playground"
WRONG = '{"events": [{"event_nmae": "a", "idempotency_key": "k", "properties": {}}]}'


def test_the_playground_is_accessible_and_asks_nobody_else(
    browser: Browser, traffic: Traffic
) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(traffic.url + PLAYGROUND)
        expect(page.locator(".lane")).to_have_count(4)
        assert visit.unreached() == []
        assert visit.seen("playground") == []
        page.locator("#payload").fill(WRONG)
        expect(page.locator("#result .fixes").first).to_contain_text("'event_name'")
        assert visit.seen("playground-wrong") == []
        assert visit.origins == {traffic.url}
        assert visit.complaints == []


def test_what_is_written_is_played_as_it_is_written(browser: Browser, traffic: Traffic) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(traffic.url + PLAYGROUND)
        page.keyboard.press("/")
        page.keyboard.press("Control+a")
        page.keyboard.type('{"type": "track"')
        expect(page.locator("#result .fault")).to_contain_text("cannot be read")
        expect(page.locator("#payload")).to_have_value('{"type": "track"')
        page.locator("#payload").fill(json.dumps(event("p-1")))
        expect(page.locator(".lane .standing")).to_have_text(["billed"] * 4)
        page.locator("select[name=stage]").select_option("bare")
        expect(page.get_by_role("region", name="Hyperline").locator(".standing")).to_have_text(
            "refused"
        )
        page.get_by_text("Settings of the destinations").first.click()
        page.locator("#settings").fill('{"orb": 7}')
        expect(page.locator("#result .fault")).to_contain_text("an object for each vendor")
        page.get_by_role("link", name="Orb", exact=True).click()
        expect(page.locator(".lane h2").first).to_have_text("Orb")
        assert visit.complaints == []


def test_it_works_without_script_and_keeps_the_text(browser: Browser, traffic: Traffic) -> None:
    with visiting(browser, java_script_enabled=False) as visit:
        page = visit.page
        page.goto(traffic.url + PLAYGROUND)
        page.locator("#payload").fill("\n{ </textarea><b>no")
        page.get_by_role("button", name="Play").click()
        expect(page.locator("#payload")).to_have_value("\n{ </textarea><b>no")
        expect(page.locator("#result .fault")).to_contain_text("cannot be read")
        page.locator("#payload").fill(WRONG)
        page.get_by_role("button", name="Play").click()
        expect(page.locator(".lane h2").first).to_have_text("Orb")


def test_what_is_played_with_is_text(browser: Browser, traffic: Traffic) -> None:
    before = accounts(traffic)
    evil = {text: text for text in HOSTILE}
    names = "".join(HOSTILE)
    with visiting(browser) as visit:
        page = visit.page
        page.goto(traffic.url + PLAYGROUND)
        for played in (
            event(names, event=names, userId=names, properties=evil),
            {"events": [{"event_name": names, "properties": evil, names: 1}]},
        ):
            page.locator("#payload").fill(json.dumps(played))
            expect(page.locator("#result")).to_contain_text("onerror=")
            found = "main script, main img, main b, main [onload], main [onerror]"
            assert page.locator(found).count() == 0
        assert page.title() == "Playground · meterbox"
        assert visit.complaints == []
    assert accounts(traffic) == before


def accounts(traffic: Traffic) -> list[tuple[str, int]]:
    told = traffic.send("-", "GET", "/_meterbox/accounts").json()["accounts"]
    return [(one["handle"], one["exchanges"]) for one in told]
