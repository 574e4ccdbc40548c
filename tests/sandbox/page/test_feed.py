"""The feed: what is listed, filtered, paged and streamed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Thread

import httpx
import pytest

from sandbox.app import Options, Sandbox, create_app
from sandbox.journal import Exchange
from sandbox.page.feed import newest
from sandbox.reply import Decision, Reply, Request
from sandbox.server import Running
from tests.acme import NOW
from tests.sandbox.page.traffic import KEY, PLAIN, Traffic

FEED = "/_meterbox/page/feed"


def page(url: str, path: str = "/", **headers: str) -> httpx.Response:
    return httpx.get(url + path, headers={"accept": "text/html", **headers}, **PLAIN)


def rows(text: str) -> list[str]:
    """The ids of the exchanges of a list."""
    return re.findall(r'<li class="row[^>]*><a href="/_meterbox/page/exchanges/([^"]+)"', text)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("verdict=refused", ["stranger", "wrong key", "refused"]),
        ("verdict=fault", ["fault"]),
        ("vendor=amberflo", ["not billed"]),
        ("rule=orb.ingest.structure", ["refused"]),
        ("text=k31+event_nmae", ["refused"]),
        ("text=yesterday&verdict=accepted", []),
        ("customer=acme&vendor=orb&verdict=accepted", ["large", "hostile", "accepted"]),
        (f"account={KEY}&text=k20", ["duplicate"]),
    ],
)
def test_the_filters_narrow_it(traffic: Traffic, query: str, names: list[str]) -> None:
    answer = page(traffic.url, f"/?{query}")
    assert rows(answer.text) == [traffic.ids[name] for name in names]
    assert KEY not in answer.text.replace(f'value="{KEY}"', "")


def test_what_was_asked_for_deceives_nobody(traffic: Traffic) -> None:
    told = page(traffic.url, "/?text=%E2%80%AE%22%3E%3Cb%3E&customer=%00").text
    assert "\u202e" not in told
    assert "\x00" not in told
    assert "<b>" not in told
    assert 'value="\\u202e&#34;&gt;&lt;b&gt;"' in told


def test_a_part_is_sent_for_a_part_and_says_where_it_is(traffic: Traffic) -> None:
    part = page(traffic.url, f"{FEED}?verdict=fault&text=", **{"hx-request": "true"})
    assert part.text.startswith("<section")
    assert part.headers["hx-push-url"] == "/?verdict=fault"
    back = {"hx-request": "true", "hx-history-restore-request": "true"}
    assert page(traffic.url, f"{FEED}?verdict=fault", **back).text.startswith("<!doctype")


@pytest.mark.parametrize("query", ["vendor=orbb", "verdict=fine", "rule=orb.ingest.structur"])
def test_a_filter_that_cannot_be_is_told_and_does_not_look_like_none(
    traffic: Traffic, query: str
) -> None:
    told = page(traffic.url, f"/?{query}").text
    assert 'role="alert"' in told
    assert "there is no" in told
    assert "Nothing fits" not in told


@pytest.fixture(scope="module")
def many() -> Iterator[tuple[str, Sandbox]]:
    """100,000 exchanges of a dozen accounts, as their journals keep them."""
    sandbox = create_app(Options(vendors=["orb"]))
    accounts = [sandbox.accounts.open("orb", f"many-{n}") for n in range(12)]
    for n in range(100_000):
        request = Request("GET", f"/v1/customers/c{n}")
        told = accounts[n % 12].record(request, None, Decision(Reply(404)), NOW)
        sandbox.accounts.feed.append(told)
    with Running(sandbox) as running:
        yield running.url, sandbox


def test_a_hundred_thousand_are_paged_without_a_gap(many: tuple[str, Sandbox]) -> None:
    url, _ = many
    answer = page(url)
    assert "100,000" in answer.text
    seen = rows(answer.text)
    for _ in range(3):
        older = re.search(r'hx-get="([^"]+)"\s+hx-trigger="revealed', answer.text)
        assert older is not None
        answer = page(url, older[1].replace("&amp;", "&"))
        seen += rows(answer.text)
    elsewhere = re.search(r'<a href="([^"]+)" hx-get', answer.text)
    assert elsewhere is not None
    past = page(url, elsewhere[1].replace("&amp;", "&"))  # as without its script
    assert rows(past.text)[0] == f"orb-{_handle(99_599)}-8300"
    assert "sse-connect" not in past.text
    assert seen == [f"orb-{_handle(n)}-{n // 12 + 1}" for n in range(99_999, 99_599, -1)]


def _handle(n: int) -> str:
    from sandbox.auth import handle

    return handle(f"many-{n % 12}")


def test_the_oldest_of_a_hundred_thousand_are_found(many: tuple[str, Sandbox]) -> None:
    url, sandbox = many
    assert rows(page(url, "/?text=customers/c7").text)[0] == f"orb-{_handle(79_999)}-6667"
    assert rows(page(url, "/?text=/customers/c17+get").text)[0] == f"orb-{_handle(17_999)}-1500"
    assert rows(page(url, "/?customer=c3").text) == [f"orb-{_handle(3)}-1"]
    # Others have their turn meanwhile, and what they do does not disturb it.
    feed = sandbox.accounts.feed

    async def search() -> tuple[list[tuple[int, Exchange]], int]:
        turns = 0
        looking = asyncio.ensure_future(newest(feed, {"customer": "c3"}, feed.next, 10))
        while not looking.done():
            turns += 1
            await asyncio.sleep(0)
        return await looking, turns

    found, turns = asyncio.run(search())
    assert [told.request.path for _, told in found] == ["/v1/customers/c3"]
    assert turns > 10
    every = asyncio.run(newest(feed, {"vendor": "orb"}, feed.next, 1_000_000))
    assert [number for number, _ in every] == list(range(100_000, 0, -1))


class Streamed:
    """Reads a stream in a thread, until it has read enough."""

    def __init__(self, url: str, query: str, **headers: str) -> None:
        self.text, self.kind = "", ""
        self._arguments = (url + f"{FEED}/stream?{query}", headers)
        self._thread = Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        at, headers = self._arguments
        with httpx.stream("GET", at, headers=headers, **PLAIN) as answer:
            self.kind = answer.headers["content-type"]
            for part in answer.iter_text():
                self.text += part
                if "event: count" in self.text:
                    return

    def __enter__(self) -> Streamed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()


def events(text: str) -> list[tuple[str, str]]:
    found = re.findall(r"id: \d+\nevent: (\w+)\n((?:data: .*\n)*)\n", text)
    return [(name, re.sub(r"(?m)^data: ", "", data)) for name, data in found]


def test_what_is_new_is_streamed_and_nothing_is_missed(traffic: Traffic) -> None:
    with Streamed(traffic.url, "after=0&verdict=fault") as stream:
        pass
    assert stream.kind.startswith("text/event-stream")
    (name, told), (last, number) = events(stream.text)
    assert (name, last) == ("rows", "count")
    assert rows(told) == [traffic.ids["fault"]]
    before = int(number.strip()) - 1
    with Streamed(traffic.url, "after=0", **{"last-event-id": str(before)}) as stream:
        pass
    assert rows(stream.text) == [traffic.ids["stranger"]]


def test_of_a_flood_only_the_number_is_told(many: tuple[str, Sandbox]) -> None:
    with Streamed(many[0], "after=99000") as stream:
        pass
    assert events(stream.text)[0] == ("many", "1000\n")


def test_of_a_flood_only_what_fits_is_counted(many: tuple[str, Sandbox]) -> None:
    with Streamed(many[0], "after=90000&account=many-3") as stream:
        pass
    every = sum(1 for n in range(90_000, 100_000) if n % 12 == 3)
    assert events(stream.text)[0] == ("many", f"{every}\n")
    with Streamed(many[0], "after=90000&text=customers/c9876") as stream:
        pass
    (name, told), _ = events(stream.text)
    assert name == "rows"
    wanted = [n for n in range(99_999, 89_999, -1) if "customers/c9876" in f"customers/c{n}"]
    assert rows(told) == [f"orb-{_handle(n)}-{n // 12 + 1}" for n in wanted]


def test_who_does_not_say_what_is_known_is_told_what_is_new(traffic: Traffic) -> None:
    at = f"{traffic.url}{FEED}/stream"
    with httpx.stream("GET", at, **PLAIN) as answer:
        traffic.send("new", "GET", "/orb/v1/ping")
        told = answer.iter_text()
        assert rows(next(part for part in told if "event: rows" in part)) == [traffic.ids["new"]]


@pytest.mark.parametrize("query", ["after=x", "after=0&verdict=none"])
def test_a_stream_that_cannot_be_is_refused(traffic: Traffic, query: str) -> None:
    assert page(traffic.url, f"{FEED}/stream?{query}").status_code == 400


def test_a_server_that_ends_ends_its_streams() -> None:
    with ExitStack() as reader:
        with Running(create_app(Options(vendors=["orb"]))) as running:
            at = f"{running.url}{FEED}/stream?after=0"
            answer = reader.enter_context(httpx.stream("GET", at, **PLAIN))
        assert answer.read() == b""  # in good order, where a server that waited would cut it off
