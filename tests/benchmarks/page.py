"""Measures the page with 100,000 exchanges: first paint, search, and how soon what happens is seen.

    python -m tests.benchmarks.page [--exchanges 100000]

The sandbox and Chromium share the machine. The floors are the promises: a first paint and a new
exchange within a second, a search within 300 ms. They are told as the median of a few, in
milliseconds; of a search, also the time that the process spends on it.
"""

import argparse
import asyncio
import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

import httpx
import orjson
from playwright.sync_api import Page

from sandbox.app import Sandbox, create_app
from sandbox.reply import Request
from sandbox.server import Running
from tests.browsing import launched, visiting

ACCOUNTS, ROUNDS = 12, 5
SEARCHES = ("cust-500", "nowhere-at-all", "eu-west-1 nowhere", "refused", "customer=cust-5")
PATH = "/_meterbox/page/feed"


def filled(exchanges: int) -> Sandbox:
    """A sandbox at which so many requests were made, by several accounts."""
    sandbox = create_app()
    desk, place = sandbox.switchboard.find("orb", "POST", "/v1/ingest")
    at = datetime.now(UTC).isoformat()

    async def fill() -> None:
        for n in range(exchanges):
            event = {"event_name": "api_call", "timestamp": at, "idempotency_key": f"k{n}"}
            event["external_customer_id"] = f"cust-{n % 997}"
            known = {"tokens": n, "region": "eu-west-1", "model": "large", "note": "n" * 60}
            body = orjson.dumps({"events": [{**event, "properties": known}]})
            headers = {
                b"authorization": f"Bearer key-{n % ACCOUNTS}".encode(),
                b"content-type": b"application/json",
                b"user-agent": b"benchmark",
                b"host": b"127.0.0.1:4020",
            }
            request = Request("POST", "/v1/ingest", b"", headers, body)
            await desk.perform(request, place.methods)

    asyncio.run(fill())
    # As `meterbox up` does.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    return sandbox


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds by the clock and of this process."""
    before, spent = time.perf_counter(), time.process_time()
    act()
    return (time.perf_counter() - before) * 1000, (time.process_time() - spent) * 1000


def told(name: str, found: list[tuple[float, float]]) -> None:
    by_clock, spent = (median(times) for times in zip(*found, strict=True))
    print(f"{name:<34}{by_clock:8.0f} ms{spent:8.0f} ms of the process")


def searched(url: str) -> None:
    with httpx.Client(trust_env=False) as http:
        for search in SEARCHES:
            name, is_named, value = search.partition("=")
            query = {name: value} if is_named else {"text": search}
            asked = [timed(lambda: http.get(url + PATH, params=query)) for _ in range(ROUNDS)]  # noqa: B023
            told(f"search {search!r}", asked)


def painted(page: Page, url: str) -> None:
    times = []
    for _ in range(ROUNDS):
        times.append(timed(lambda: _opened(page, url)))
    told("opened, rows there", times)
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    page.wait_for_function(f"{paint} !== undefined")  # it is told a moment after it happened
    print(f"{'first contentful paint, the last':<34}{page.evaluate(paint):8.0f} ms")


def _opened(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("#rows > li").first.wait_for()


def typed(page: Page) -> None:
    times = []
    for n in range(ROUNDS):
        page.locator("#text").fill("")
        page.wait_for_url("**/")
        times.append(timed(lambda: _search(page, f"cust-{n + 100} k")))  # noqa: B023
    told("typed until shown, 120 ms waiting", times)


def _search(page: Page, text: str) -> None:
    with page.expect_response(lambda answer: "text=" in answer.url):
        page.locator("#text").fill(text)
    page.wait_for_url("**text=**")


def seen(page: Page, url: str) -> None:
    with page.expect_response(lambda answer: "/feed/stream" in answer.url):
        page.goto(url)
    times = []
    with httpx.Client(trust_env=False, base_url=url) as http:
        for _ in range(ROUNDS):

            def happen() -> None:
                answer = http.get("/orb/v1/ping", headers={"authorization": "Bearer key-0"})
                id = answer.headers["x-meterbox-exchange"]
                page.locator(f"#rows a[href$='{id}']").wait_for()

            times.append(timed(happen))
    told("happened until seen", times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--exchanges", type=int, default=100_000)
    exchanges = parser.parse_args().exchanges
    print(f"{exchanges:,} exchanges of {ACCOUNTS} accounts")
    with Running(filled(exchanges)) as running, launched() as browser:
        searched(running.url)
        with visiting(browser) as visit:
            painted(visit.page, running.url)
            typed(visit.page)
            seen(visit.page, running.url)


if __name__ == "__main__":
    main()
