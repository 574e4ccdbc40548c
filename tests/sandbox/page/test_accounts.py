"""What can be seen of an account and done to it, in a real browser: by the same acts as the control
API's, told in its words, and nothing half done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.app import Options, create_app
from sandbox.auth import handle
from sandbox.server import Running
from tests.browsing import MARKS, visiting
from tests.sandbox.page.booked import BOOKED, START, amiss, control
from tests.sandbox.page.traffic import HOSTILE, PLAIN, Traffic, event

pytestmark = MARKS
ROOT = "/_meterbox/page"
AT = f"{ROOT}/accounts/orb/{handle(BOOKED)}"
TABS = {
    "accounts": f"{ROOT}/accounts",
    "account": AT,
    **{f"account-{tab}": f"{AT}/{tab}" for tab in ("settings", "faults", "keep")},
    "account-trial": f"{AT}/trial?do=advance&value=34d",
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def shop(kept: Path) -> Iterator[Traffic]:
    """An account on a frozen clock with customers, one of whom nobody should trust, a backfill that
    closes in a day, and a journal on disk."""
    with Running(create_app(Options(data_dir=kept))) as running:
        sent = Traffic(running.url, BOOKED)
        control(sent, "clock", {"freeze": START.isoformat()})
        for name in ("acme", *HOSTILE[:3]):
            new = {"name": name, "email": "a@b.test", "external_customer_id": name}
            sent.send(f"customer {name}", "POST", "/orb/v1/customers", json=new)
        sent.ingest("first", _event("a"), _event("b"))
        fill = {
            "timeframe_start": "2026-03-01T00:00:00Z",
            "timeframe_end": "2026-03-01T12:00:00Z",
            "close_time": "2026-03-03T08:00:00Z",
        }
        sent.send("backfill", "POST", "/orb/v1/events/backfills", json=fill)
        yield sent
        sent.close()


def _event(name: str) -> dict[str, Any]:
    return {**event(name), "timestamp": START.isoformat()}


def told(shop: Traffic, path: str) -> Any:
    return httpx.get(f"{shop.url}/_meterbox/accounts/orb/{BOOKED}{path}", **PLAIN).json()


@pytest.mark.parametrize("name", TABS)
def test_each_tab_is_accessible_and_asks_nobody_else(
    browser: Browser, shop: Traffic, name: str
) -> None:
    with visiting(browser) as visit:
        visit.page.goto(shop.url + TABS[name])
        assert visit.seen(name) == []
        assert visit.unreached() == []
        assert visit.origins == {shop.url}
        assert amiss(visit) == []
        assert visit.page.locator("main script, main img, main b, main [onload]").count() == 0


def test_the_clock_is_tried_before_it_is_turned(browser: Browser, shop: Traffic) -> None:
    before = told(shop, "/clock")
    with visiting(browser) as visit:
        page = visit.page
        page.goto(shop.url + AT)
        page.get_by_label("Advance by", exact=True).fill("34d")
        page.get_by_role("button", name="What would it trigger?").first.click()
        trial = page.locator("#trial")
        expect(trial).to_contain_text("status pending → reflected")
        expect(trial).to_contain_text("2026-04-05 08:00:00")
        trial.locator("summary").click()
        expect(trial).to_contain_text("orb.ingest.grace-period")
        assert told(shop, "/clock") == before
        assert told(shop, "/state")["state"][2]["rows"][0]["status"] == "pending"
        page.get_by_role("button", name="Advance by 13h").click()
        expect(page.locator("#now")).to_contain_text("2026-03-02 21:00:00")
        page.get_by_label("Advance by", exact=True).fill("a while")
        page.get_by_role("button", name="Advance", exact=True).click()
        alert = page.get_by_role("alert")
        expect(alert).to_have_text("advance: 'a while' is not a length of time such as 13h or 34d.")
        expect(page.get_by_label("Advance by", exact=True)).to_have_value("a while")
        page.get_by_role("button", name="Let it run").click()
        expect(page.locator("#now")).to_contain_text("running")
        page.get_by_label("Set to").fill(START.isoformat())
        page.get_by_role("button", name="Set", exact=True).click()
        expect(page.locator("#now")).to_contain_text("2026-03-02 08:00:0")
        page.get_by_role("button", name="Freeze").click()
        expect(page.locator("#now")).to_contain_text("frozen")


def test_switches_are_set_checked_and_set_back(browser: Browser, shop: Traffic) -> None:
    rule = "orb.ingest.grace-period"
    with visiting(browser) as visit:
        page = visit.page
        page.goto(f"{shop.url}{AT}/settings?text={rule}")
        page.get_by_label(rule, exact=True).fill("a day")
        page.get_by_role("button", name=f"Set {rule}").click()
        wrong = f"{rule}: 'a day' is not a length of time such as 12h or 5m."
        expect(page.get_by_role("alert")).to_have_text(wrong)
        assert told(shop, "/settings")["settings"][rule]["value"] == "12h"
        page.get_by_label(rule, exact=True).fill("24h")
        page.get_by_role("button", name=f"Set {rule}").click()
        expect(page.locator(".switches > li.changed .id")).to_have_text(rule)
        assert told(shop, "/settings")["settings"][rule]["value"] == "1d"
        page.get_by_role("button", name=f"Reset {rule}").click()
        expect(page.locator(".switches > li.changed")).to_have_count(0)
        assert told(shop, "/settings")["settings"][rule]["value"] == "12h"
        page.get_by_label("How much is enforced").select_option("contract")
        page.locator("#profile").get_by_role("button").click()
        expect(page.locator(".titled .facts")).to_contain_text("contract")
        control(shop, "profile", {"profile": "faithful"}, "PUT")


def test_faults_are_set_by_name_or_one_by_one_and_count_down(
    browser: Browser, shop: Traffic
) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(f"{shop.url}{AT}/faults")
        page.get_by_role("button", name="Set throttled").click()
        expect(page.locator(".pending > li")).to_have_count(1)
        page.get_by_role("button", name="Clear all").click()
        expect(page.locator("#pending")).to_contain_text("Nothing is set to go wrong.")
        page.get_by_label("What goes wrong").select_option("status")
        page.get_by_label("Times", exact=True).fill("2")
        page.get_by_role("textbox", name="Status").fill("99")
        page.get_by_role("button", name="Set this fault").click()
        expect(page.get_by_role("alert")).to_have_text("status: 99 is not a status, 200 to 599.")
        assert told(shop, "/faults") == {"faults": []}
        page.get_by_role("textbox", name="Status").fill("500")
        page.get_by_role("button", name="Set this fault").click()
        expect(page.locator(".pending .left")).to_have_text("2 left")
        assert shop.send("struck", "GET", "/orb/v1/customers").status_code == 500
        expect(page.locator(".pending .left")).to_have_text("1 left")
        page.get_by_role("button", name="Clear all").click()
        bad = page.request.post(
            f"{shop.url}{AT}/preset", form={"preset": "flakey"}, headers={"origin": shop.url}
        )
        assert bad.status == 400
        assert "did you mean &#39;flaky&#39;?" in bad.text()


def test_what_a_person_does_at_the_vendors_page_is_done_here(
    browser: Browser, shop: Traffic
) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(shop.url + AT)
        page.get_by_label("What", exact=True).select_option("webhooks")
        page.get_by_label("Arguments, as JSON").fill("{")
        page.get_by_role("button", name="Do it").click()
        expect(page.get_by_role("alert")).to_contain_text("is not JSON")
        page.get_by_label("Arguments, as JSON").fill("{}")
        page.get_by_role("button", name="Do it").click()
        expect(page.get_by_label("Answer", exact=True)).to_be_visible()


def test_an_account_is_kept_reset_and_brought_back(browser: Browser, shop: Traffic) -> None:
    with visiting(browser) as visit:
        page = visit.page
        page.goto(f"{shop.url}{AT}/keep")
        before = told(shop, "/ledger")["totals"]
        assert before
        with page.expect_download() as downloaded:
            page.get_by_role("link", name="Download the snapshot").click()
        snapshot = Path(downloaded.value.path()).read_bytes()
        assert json.loads(snapshot)["vendor"] == "orb"
        assert BOOKED.encode() not in snapshot
        _choose(page, b'{"format": 1}')
        expect(page.get_by_role("alert")).to_contain_text("This is no snapshot of an account")
        assert told(shop, "/ledger")["totals"] == before
        page.get_by_label("Forget everything of this account").check()
        page.get_by_role("button", name="Reset").click()
        expect(page.get_by_role("status").first).to_contain_text("as on its first day")
        assert told(shop, "/ledger")["totals"] == []
        _choose(page, snapshot)
        expect(page.locator("#restore .done")).to_contain_text("were done again.")
        assert told(shop, "/ledger")["totals"] == before


def _choose(page: Page, content: bytes) -> None:
    file: Any = {"name": "kept.json", "mimeType": "application/json", "buffer": content}
    page.get_by_label("The file of a snapshot").set_input_files(file)
    page.get_by_role("button", name="Bring it back").click()


def test_a_switch_without_a_value_is_told_so(shop: Traffic) -> None:
    at, own = f"{shop.url}{AT}/settings", {"origin": shop.url}
    answer = httpx.post(at, data={"rule": "orb.ingest.grace-period"}, headers=own, **PLAIN)
    assert answer.status_code == 400
    assert "is not a length of time" in answer.text


def test_nothing_is_reset_by_who_is_not_sure_or_elsewhere(shop: Traffic) -> None:
    before, at = told(shop, ""), f"{shop.url}{AT}"
    with httpx.Client(**PLAIN) as http:
        unsure = http.post(f"{at}/reset", headers={"origin": shop.url})
        assert unsure.status_code == 400
        assert "nothing was reset" in unsure.text
        for headers in ({"origin": "http://evil.test"}, {"sec-fetch-site": "cross-site"}, {}):
            for act in ("reset", "clock", "restore", "settings", "fault"):
                assert http.post(f"{at}/{act}", headers=headers).status_code == 403
        unknown = http.post(
            f"{shop.url}{ROOT}/accounts/orb/nobody/reset", headers={"origin": shop.url}
        )
        assert unknown.status_code == 404
    assert told(shop, "")["exchanges"] == before["exchanges"]


def test_what_the_page_did_is_there_after_a_restart(shop: Traffic, kept: Path) -> None:
    """The last of the tests here: acts of the page are on disk, as all others are."""
    with httpx.Client(headers={"origin": shop.url}, **PLAIN) as http:
        at = f"{shop.url}{AT}"
        http.post(f"{at}/clock", data={"do": "freeze", "value": "2027-01-01T00:00:00Z"})
        http.post(f"{at}/settings", data={"rule": "orb.ingest.grace-period", "value": "3d"})
        http.post(f"{at}/fault", data={"kind": "status", "always": "yes", "ttl": "5m"})
    before = [told(shop, path) for path in ("/clock", "/settings", "/faults", "/state")]
    assert "2027" in before[0]["now"]
    copied = kept.with_name("copied")
    copytree(kept, copied)
    with Running(create_app(Options(data_dir=copied))) as again:
        after = [
            httpx.get(f"{again.url}/_meterbox/accounts/orb/{BOOKED}{path}", **PLAIN).json()
            for path in ("/clock", "/settings", "/faults", "/state")
        ]
    assert after == before
