"""What could not be delivered, seen and settled: by the control API, and on the page in a real
browser. The forwarder's outbox is in memory, where no other program could reach it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from contracts.reader import read
from sandbox.app import Options, create_app
from sandbox.deliveries import Destination
from sandbox.server import Running
from tests.browsing import MARKS, visiting
from tests.sandbox.page.booked import amiss
from tests.sandbox.page.traffic import HOSTILE, PLAIN
from tests.translators.forwarding.scripted import EVENT, SETTINGS
from tests.waiting import until

PAGE = "/_meterbox/page/dead-letters"
LETTERS = "/_meterbox/dead-letters"
UNSURE = "unsure-key"
NOON = "2026-01-15T12:00:00Z"


class Post:
    """A sandbox that forwards to Orb and, without the settings it needs, to Amberflo."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, **PLAIN)

    def track(self, id: str, key: str = "postkey") -> None:
        self.http.post("/segment/v1/track", json={**EVENT, "messageId": id}, auth=(key, ""))

    def orb(self, act: str, key: str = "postkey", **body: Any) -> None:
        name = read("orb").key(read("segment").name(key))
        method = "DELETE" if not body else "POST"
        at = f"/_meterbox/accounts/orb/{name}/{act}"
        self.http.request(method, at, json=body).raise_for_status()

    def dead(self, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(LETTERS, params=query).json()["letters"]
        return found

    def until(self, count: int, **query: Any) -> list[dict[str, Any]]:
        """Its dead letters once there are so many."""
        until(lambda: len(self.dead(**query)) == count)
        return self.dead(**query)

    def outcomes(self) -> dict[str, str]:
        """What came of each delivery, by event."""
        told = self.http.get("/_meterbox/accounts/segment/postkey/deliveries").json()
        return {one["event"]: one["outcome"] for one in told["deliveries"]}


@pytest.fixture
def post() -> Iterator[Post]:
    destinations = {"orb": Destination(SETTINGS)}
    with Running(create_app(Options(destinations=destinations))) as running:
        made = Post(running.url)
        made.orb("clock", freeze=NOON)
        made.orb("faults", kind="status", status=400, times=None)
        yield made
        made.http.close()


def test_dead_letters_are_told_tried_again_and_let_go_of(post: Post) -> None:
    for n in range(3):
        post.track(f"m{n}")
    letters = post.until(3)
    assert [letter["event"] for letter in letters] == ["m0", "m1", "m2"]
    assert {letter["tries"] for letter in letters} == {1}
    numbers = [letter["number"] for letter in letters]
    (whole,) = post.http.get(f"{LETTERS}/orb/{numbers[0]}").json()["letters"]
    assert whole["attempts"][0]["status"] == 400
    assert whole["body"]["messageId"] == "m0"
    assert "postkey" not in str(letters) + str(whole)
    page = post.http.get(LETTERS, params={"skip": 1, "limit": 1}).json()
    assert ([one["event"] for one in page["letters"]], page["more"]) == (["m1"], True)
    gone = post.http.post(f"{LETTERS}/drop", json={"numbers": numbers[:1]})
    assert gone.json() == {"dropped": 1}
    post.orb("faults")
    assert post.http.post(f"{LETTERS}/retry", json={"vendor": "orb"}).json() == {"retried": 2}
    assert until(lambda: post.dead() == [])
    assert until(lambda: post.outcomes() == {"m1": "delivered", "m2": "delivered"})


def test_no_key_is_told_wherever_an_event_has_it(post: Post) -> None:
    key = "a-write-key-in-a-payload"
    post.orb("faults", key, kind="status", status=400, times=None)
    sent = {**EVENT, "event": f"of {key}", "userId": key, "properties": {"said": f"it is {key}."}}
    post.http.post("/segment/v1/track", json=sent, auth=(key, "")).raise_for_status()
    (letter,) = post.until(1)
    at = f"{letter['vendor']}/{letter['number']}"
    paths = ("", f"/{at}")
    shown = [f"{where}{path}" for where in (LETTERS, PAGE) for path in paths]
    shown += ["/_meterbox/page/journeys", f"/_meterbox/accounts/segment/{key}/deliveries"]
    for path in shown:
        told = post.http.get(path)
        assert (told.status_code, key in told.text) == (200, False), path


def test_an_event_that_is_nested_deeply_is_told_as_others_are(post: Post) -> None:
    """As deep as a source takes it: the answers have it inside of others."""
    deep: Any = 1
    for _ in range(252):
        deep = [deep]
    sent = {**EVENT, "messageId": "deep", "properties": {"amount": 1, "deep": deep}}
    post.http.post("/segment/v1/track", json=sent, auth=("postkey", "")).raise_for_status()
    (letter,) = post.until(1)
    for path in (f"{LETTERS}/orb/{letter['number']}", f"{PAGE}/orb/{letter['number']}"):
        assert post.http.get(path).status_code == 200
    assert post.outcomes() == {"deep": "dead"}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, "Say which: numbers, vendor, origin, or all."),
        ({"numbers": []}, "Say which"),
        ({"numbers": [999_999]}, "No dead letter 999999."),
        ({"numbers": [-1]}, "is not a list of at most 1000 numbers"),
        ({"numbers": "all"}, "is not a list of at most 1000 numbers"),
        ({"all": "yes"}, "all: 'yes' is not true or false."),
        ({"vendor": 7}, "vendor: 7 is not a text."),
        ({"every": True}, "No setting named 'every'."),
    ],
)
def test_what_is_not_chosen_well_changes_nothing(
    settled: Post, asked: dict[str, Any], why: str
) -> None:
    before = settled.dead()
    for act in ("retry", "drop"):
        answer = settled.http.post(f"{LETTERS}/{act}", json=asked)
        assert answer.status_code == 400
        assert why in answer.json()["error"]
    assert settled.dead() == before


def test_what_may_be_billed_twice_is_only_tried_by_force(settled: Post) -> None:
    (letter,) = settled.dead(origin=f"segment/{origin(settled, UNSURE)}")
    asked = {"numbers": [letter["number"]]}
    answer = settled.http.post(f"{LETTERS}/retry", json=asked)
    assert answer.status_code == 400
    assert "may be billed again" in answer.json()["error"]
    assert settled.dead(origin=letter["origin"]) == [letter]


def origin(post: Post, key: str) -> str:
    told = post.http.get(f"/_meterbox/accounts/segment/{key}").json()
    return str(told["handle"])


@pytest.fixture(scope="module")
def settled() -> Iterator[Post]:
    """A sandbox with letters that stay dead, the names of some of which nobody should trust, and
    one whose event may have reached the vendor long ago."""
    with Running(create_app(Options(destinations={"orb": Destination(SETTINGS)}))) as running:
        made = Post(running.url)
        made.orb("faults", kind="status", status=400, times=None)
        for text in ("plain", *HOSTILE[:4]):
            made.track(text)
        made.orb("clock", UNSURE, freeze=NOON)
        made.orb("faults", UNSURE, kind="status-after", status=500, times=None)
        at = f"/_meterbox/accounts/segment/{UNSURE}/clock"
        made.http.post(at, json={"freeze": NOON})
        made.track("unsure", UNSURE)
        until(lambda: made.http.post(at, json={"advance": "1h"}) and len(made.dead()) == 6)
        made.http.post(at, json={"advance": "90d"})
        yield made
        made.http.close()


@MARKS[0]
@MARKS[1]
def test_each_view_is_accessible_and_asks_nobody_else(browser: Browser, settled: Post) -> None:
    number = settled.dead()[1]["number"]
    with visiting(browser) as visit:
        for name, path in {"dead-letters": PAGE, "dead-letter": f"{PAGE}/orb/{number}"}.items():
            visit.page.goto(settled.url + path)
            assert visit.seen(name) == []
            assert visit.unreached() == []
            assert visit.page.locator("main script, main img, main b").count() == 0
        assert visit.origins == {settled.url}
        assert amiss(visit) == []


@MARKS[0]
@MARKS[1]
def test_a_letter_is_read_guarded_retried_and_dropped(browser: Browser, post: Post) -> None:
    for n in range(3):
        post.track(f"m{n}")
    first, second, third = (letter["number"] for letter in post.until(3))
    with visiting(browser) as visit:
        page = visit.page
        page.goto(post.url + PAGE)
        page.get_by_role("link", name="m0").click()
        expect(page.locator(".letter")).to_contain_text("payment_confirmed")
        expect(page.locator(".letter tbody tr")).to_have_count(1)
        page.get_by_role("button", name=f"Drop letter {first}").click()
        expect(page.get_by_role("status").first).to_have_text("1 delivery will never be made.")
        post.orb("faults")
        page.get_by_role("button", name=f"Retry letter {second}").click()
        expect(page.get_by_role("status").first).to_have_text("1 delivery will be tried again.")
        post.until(1)
        page.reload()
        expect(page.locator("tbody tr")).to_have_count(1)
        assert post.dead()[0]["number"] == third
        assert amiss(visit) == []


@MARKS[0]
@MARKS[1]
def test_what_may_be_billed_twice_asks_once_more(browser: Browser, settled: Post) -> None:
    (letter,) = settled.dead(origin=f"segment/{origin(settled, UNSURE)}")
    with visiting(browser) as visit:
        page = visit.page
        page.goto(settled.url + PAGE)
        page.get_by_role("button", name=f"Retry letter {letter['number']} ").click()
        expect(page.get_by_role("alert")).to_contain_text("may be billed again")
        expect(page.get_by_role("button", name="Retry all the same")).to_be_visible()
        assert letter in settled.dead()


def test_no_other_page_drops_a_letter_and_none_is_dropped_by_mistake(settled: Post) -> None:
    before, at = settled.dead(), settled.url + PAGE
    for headers in ({"origin": "http://evil.test"}, {}):
        form = {"do": "drop", "all": "yes"}
        assert settled.http.post(at, data=form, headers=headers).status_code == 403
    own = {"origin": settled.url}
    for form in ({"do": "drop"}, {"do": "drop", "vendor": "orb", "number": "x"}):
        assert settled.http.post(at, data=form, headers=own).status_code == 400
    assert settled.dead() == before


def test_where_nothing_is_forwarded_there_are_none() -> None:
    with Running(create_app()) as running, httpx.Client(base_url=running.url, **PLAIN) as c:
        assert c.get(LETTERS).json() == {"letters": [], "more": False}
        assert "Nothing is forwarded here" in c.get(PAGE).text
        assert c.post(f"{LETTERS}/drop", json={"all": True}).status_code == 400
