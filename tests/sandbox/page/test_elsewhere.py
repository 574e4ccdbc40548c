"""Pages of other origins, and names that were made to point here, in a real browser: they read
nothing of a sandbox on this machine, and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from sandbox.app import Options, create_app
from sandbox.server import Running
from tests.browsing import EVIL, MARKS, Visit, visiting
from tests.sandbox.page.traffic import KEY, PLAIN, Traffic

pytestmark = MARKS
ONE = f"/_meterbox/accounts/orb/{KEY}"
PATHS = (
    "/",
    "/_meterbox/page/feed",
    "/_meterbox/page/feed/stream?after=0",
    "/_meterbox/accounts",
    "/_meterbox/exchanges",
    f"{ONE}/ledger",
)
READ = """async ([base, paths]) => {
  const read = [];
  const note = (what, value) => { if (value) read.push([what, String(value).slice(0, 80)]); };
  for (const path of paths) {
    for (const mode of ["cors", "no-cors", "same-origin"]) {
      try {
        const answer = await fetch(base + path, { mode, credentials: "include",
                                                  signal: AbortSignal.timeout(2000) });
        if (answer.ok) note(`${mode} ${path}`, await answer.text());
      } catch { /* as it should be */ }
    }
    await new Promise((done) => {
      const source = new EventSource(base + path);
      source.onerror = () => { source.close(); done(); };
      source.onopen = () => { note(`stream ${path}`, "opened"); source.close(); done(); };
      setTimeout(done, 1500);
    });
    for (const tag of ["iframe", "script", "img"]) {
      await new Promise((done) => {
        const element = document.createElement(tag);
        element.onerror = done;
        element.onload = () => {
          let inside = null;
          try { inside = tag === "iframe" && element.contentDocument?.body?.innerHTML; } catch {}
          if (inside?.includes("on this machine alone")) inside = null;  // that is the refusal
          note(`${tag} ${path}`, tag === "iframe" ? inside : element.naturalWidth);
          done();
        };
        setTimeout(done, 500);
        element.src = base + path;
        document.body.append(element);
      });
    }
  }
  return read;
}"""
CHANGE = """async ([base, one]) => {
  const bodies = [["/reset", "{}"], ["/clock", '{"freeze": true}'],
                  ["/faults", '{"kind": "reset"}']];
  for (const [path, body] of bodies) {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json"]) {
      for (const mode of ["no-cors", "cors"]) {
        for (const method of ["POST", "PATCH", "DELETE"]) {
          await fetch(base + one + path,
                      { method, mode, body, headers: { "content-type": type } }).catch(() => 0);
        }
      }
    }
    navigator.sendBeacon(base + one + path, body);
  }
  const form = document.createElement("form");
  Object.assign(form, { method: "post", enctype: "text/plain", action: `${base}${one}/reset`,
                        target: "_blank" });
  document.body.append(form);
  form.submit();
  await new Promise((done) => setTimeout(done, 300));
}"""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Another site on this machine: by port another origin, and by name another site."""

    async def show(_: object) -> HTMLResponse:
        return HTMLResponse("<!doctype html><title>Elsewhere</title><body>")

    with Running(Starlette(routes=[Route("/", show)])) as running:
        yield running.url


def state(traffic: Traffic) -> Any:
    """What a page elsewhere would want to change."""
    with httpx.Client(base_url=traffic.url, **PLAIN) as http:
        told = http.get(ONE).json()
        told["clock"].pop("now")
        return told, http.get(f"{ONE}/faults").json(), http.get(f"{ONE}/ledger").json()["totals"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_reads_nothing_and_changes_nothing(
    browser: Browser, traffic: Traffic, elsewhere: str, name: str
) -> None:
    before = state(traffic)
    with visiting(browser) as visit:
        visit.page.goto(elsewhere.replace("127.0.0.1", name))
        assert visit.page.evaluate(READ, [traffic.url, PATHS]) == []
        visit.page.evaluate(CHANGE, [traffic.url, ONE])
        assert len(visit.asked) > 50  # it did try
    assert state(traffic) == before


def test_a_page_of_another_origin_sees_nothing_of_a_window_that_it_opened(
    browser: Browser, traffic: Traffic, elsewhere: str
) -> None:
    with visiting(browser) as visit:
        visit.page.goto(elsewhere)
        with visit.page.context.expect_page() as opened:
            visit.page.evaluate("(url) => { window.victim = window.open(url); }", traffic.url)
        opened.value.wait_for_load_state()
        assert opened.value.title() == "Feed · meterbox"
        assert visit.page.evaluate("window.victim.closed")  # as far as it can tell
        assert opened.value.evaluate("window.opener") is None


def test_a_name_that_was_made_to_point_here_reads_nothing_and_changes_nothing(
    browser: Browser, traffic: Traffic
) -> None:
    """The browser takes it for one origin: only the Host tells that it is not the sandbox's."""
    port = traffic.url.rpartition(":")[2]
    evil, before = f"http://{EVIL}:{port}", state(traffic)
    with visiting(browser) as visit:
        answer = visit.page.goto(evil)
        assert answer is not None
        assert (answer.status, "this machine alone" in answer.text()) == (403, True)
        # Of a vendor's path, for which it needs no leave.
        visit.page.goto(f"{evil}/orb/v1/ping")
        assert visit.page.evaluate(READ, [evil, PATHS]) == []
        visit.page.evaluate(CHANGE, [evil, ONE])
    assert state(traffic) == before


# With a token: the sandbox may be on any machine, and a session is a cookie that browsers send.

TOKEN = "a-token-of-this-sandbox"


@pytest.fixture(scope="module")
def closed(traffic: Traffic) -> Iterator[str]:
    with Running(create_app(Options(vendors=["orb"], token=TOKEN))) as running:
        yield running.url


def entered(visit: Visit, url: str, token: str = TOKEN) -> None:
    visit.page.goto(url)
    visit.page.get_by_label("Token").fill(token)
    visit.page.get_by_role("button", name="Enter").click()


@pytest.mark.parametrize("name", ["127.0.0.1", EVIL])
def test_the_token_opens_the_page_by_any_name(browser: Browser, closed: str, name: str) -> None:
    """The other name is a plain address of another machine to the browser, which then says less."""
    url = closed.replace("127.0.0.1", name)
    with visiting(browser) as visit:
        entered(visit, url, "a guess")
        expect(visit.page.get_by_role("alert")).to_have_text("This is not the token.")
        assert name == EVIL or visit.seen("token") == []
        with visit.page.expect_response(lambda answer: "/feed/stream" in answer.url) as stream:
            entered(visit, f"{url}/_meterbox/page/feed")
        assert stream.value.ok
        assert visit.page.url == f"{url}/_meterbox/page/feed"
        visit.page.set_viewport_size({"width": 1440, "height": 900})
        visit.page.get_by_role("button", name="Leave").click()
        expect(visit.page.get_by_label("Token")).to_be_visible()


def test_another_page_of_this_machine_has_nothing_of_a_session(
    browser: Browser, closed: str, elsewhere: str
) -> None:
    """Of the same site, as browsers see it: they send it the cookie."""
    with visiting(browser) as visit:
        entered(visit, closed)
        expect(visit.page).to_have_title("Feed · meterbox")
        visit.page.goto(elsewhere)
        assert visit.page.evaluate(READ, [closed, PATHS]) == []
        visit.page.evaluate(CHANGE, [closed, "/_meterbox/page/logout?"])
        visit.page.goto(closed)
        expect(visit.page).to_have_title("Feed · meterbox")
