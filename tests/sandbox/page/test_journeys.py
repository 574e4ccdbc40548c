"""Journeys in a real browser: one event at every vendor, whatever its payload says."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from sandbox.app import Options, create_app
from sandbox.server import Running
from tests.browsing import MARKS, shoot, visiting
from tests.sandbox.page.roads import DESTINATIONS, Roads, event, opened, travel
from tests.sandbox.page.traffic import HOSTILE

pytestmark = MARKS
FEW = (None, "anonymous")
JOURNEYS = "/_meterbox/page/journeys"


@pytest.fixture(scope="module")
def roads() -> Iterator[Roads]:
    sandbox = create_app(Options(destinations=DESTINATIONS, scale=0.001))
    with Running(sandbox) as running, opened(running.url) as made:
        travel(made)
        yield made


@pytest.mark.parametrize("name", [None, "m-1", "anonymous", "page", "number"])
def test_journeys_are_accessible_and_ask_nobody_else(
    browser: Browser, roads: Roads, name: str | None
) -> None:
    with visiting(browser) as visit:
        answer = visit.page.goto(roads.url + (roads.path(name) if name else JOURNEYS))
        assert answer is not None
        assert answer.status == 200
        if name in FEW:
            assert visit.seen(f"journey-{name}") == []
        else:  # the same parts, and more of them
            assert visit.violations() == []
        assert visit.origins == {roads.url}
        assert visit.complaints == []


def test_an_event_is_found_and_followed_by_keyboard(browser: Browser, roads: Roads) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(roads.url + JOURNEYS)
        page.keyboard.press("/")
        page.keyboard.type("m-1")
        expect(page.locator("#events .row")).to_have_count(1)
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{roads.path('m-1')}")
        expect(page.locator(".lane")).to_have_count(4)
        expect(page.locator(".lane .standing")).to_have_text(["billed"] * 4)
        orb = page.get_by_role("region", name="Orb")
        expect(orb.locator(".try").first).to_contain_text("503")
        expect(orb.locator(".wait")).to_contain_text("Retry-After: 1.0 s")
        expect(orb.locator(".billed")).to_contain_text("1 ApiCalls")
        assert visit.unreached() == []


def test_lanes_are_beside_each_other_or_below(browser: Browser, roads: Roads) -> None:
    for width, columns in ((1440, 4), (390, 1)):
        with visiting(browser, width) as visit:
            visit.page.goto(roads.url + roads.path("m-1"))
            boxes = [lane.bounding_box() for lane in visit.page.locator(".lane").all()]
            assert len({round(box["x"]) for box in boxes if box}) == columns
            heads = visit.page.locator(".lane .stage:nth-child(4) h3")
            tops = {round(box["y"]) for one in heads.all() if (box := one.bounding_box())}
            assert len(tops) == (1 if columns == 4 else 4)


def test_an_exchange_leads_to_the_journey_of_its_event(browser: Browser, roads: Roads) -> None:
    told = {lane["vendor"]: lane for lane in roads.journey("m-1")["lanes"]}
    arrived = roads.journey("m-1")["intake"]["arrivals"][0]["exchange"]
    with visiting(browser) as visit:
        for exchange in (arrived, *(one["attempts"][-1]["exchange"] for one in told.values())):
            visit.page.goto(f"{roads.url}/_meterbox/page/exchanges/{exchange}")
            visit.page.locator("td a[href*='/journeys/find']").first.click()
            visit.page.wait_for_url(f"**{roads.path('m-1')}")


def test_what_one_field_became_is_shown_everywhere(browser: Browser, roads: Roads) -> None:
    with visiting(browser) as visit:
        visit.page.goto(roads.url + roads.path("m-1"))
        visit.page.locator(".lane .step[data-source='$.userId']").first.hover()
        near = visit.page.locator(".lane .step.near")
        expect(near).to_have_count(4)
        visit.page.locator("h1").hover()
        expect(near).to_have_count(0)


def test_what_an_event_says_is_text(browser: Browser, roads: Roads) -> None:
    names, every = (HOSTILE[2], HOSTILE[5], HOSTILE[6]), "".join(HOSTILE)
    for name in names:
        evil = {every: every, "value": 1}
        roads.send(event(name, event=every, userId=every, properties=evil, context={every: every}))
    with visiting(browser) as visit:
        page = visit.page
        for name in names:
            page.goto(f"{roads.url}{JOURNEYS}/segment/{roads.handle}?event={quote(name)}")
            expect(page.locator(".lane")).to_have_count(4)
            assert page.locator("main script, main img, main b, main [onload]").count() == 0
            assert page.title().endswith("meterbox")
        page.goto(roads.url + JOURNEYS)
        assert page.locator("main script, main img, main b, main [onload]").count() == 0
        page.goto(f"{roads.url}{JOURNEYS}?text={quote(HOSTILE[0])}")
        assert page.locator("main script").count() == 0
        assert [told for told in visit.complaints if "404" not in told] == []


def test_where_nothing_is_forwarded_it_says_so(browser: Browser) -> None:
    with Running(create_app()) as running, opened(running.url) as quiet, visiting(browser) as visit:
        quiet.send(event("off-1"))
        visit.page.goto(quiet.url + quiet.path("off-1"))
        expect(visit.page.locator(".off")).to_contain_text("The forwarder is off")
        expect(visit.page.locator(".would")).to_have_count(4)
        shoot(visit.page, "journey-off")
        assert visit.violations() == []
