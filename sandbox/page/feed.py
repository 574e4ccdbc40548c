"""Every exchange of every account, newest first, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from contracts.model import Contract, MeterboxError
from sandbox import queries, view
from sandbox.auth import handle
from sandbox.journal import Journal
from sandbox.page.page import ROOT, Page, View, partial
from sandbox.page.words import happened
from sandbox.sieve import Numbered, sift

__all__ = ["VIEW", "newest"]

ROWS = 100
CHUNK = 4_000
"""Exchanges that are looked at before others have a turn."""
AT_ONCE = 300
"""New exchanges that are shown one by one; of more, only how many there are."""
GATHER, ALIVE = 0.1, 15.0
"""Seconds in which new exchanges gather, and after which a silent stream gives a sign of life."""
ACCOUNTS = 300
FILTERS = ("text", "vendor", "account", "verdict", "rule", "customer")


@dataclass(frozen=True)
class Rows:
    """A part of the feed, newest first; `older` is the number to go on before, if there is more."""

    told: Sequence[Mapping[str, Any]]
    older: int | None


class Feed:
    """The feed of one page."""

    def __init__(self, page: Page) -> None:
        self._page, self._accounts = page, page.control.accounts
        self._known = queries.known(room.contract for room in self._accounts.rooms.values())

    async def show(self, request: Request) -> Response:
        """The feed, or its list alone where a filter has changed."""
        given, why = self._asked(request), ""
        rows, last = Rows((), None), self._accounts.feed.next - 1
        live = "before" not in request.query_params
        try:
            rows = await self._rows(given, queries.whole(request.query_params, "before", last + 1))
        except MeterboxError as fault:
            why = str(fault)
        told: dict[str, Any] = {"rows": rows, "given": given, "last": last, "why": why}
        told |= {"live": live, **self._addresses(given)}
        if not partial(request):
            told |= {"base": str(request.base_url).rstrip("/"), **self._choices()}
            return self._page.render(request, "feed.html", current="feed", **told)
        answer = self._page.render(request, "parts/feed_list.html", **told)
        answer.headers["hx-push-url"] = told["here"]
        return answer

    async def older(self, request: Request) -> Response:
        """The rows before a number."""
        given = self._asked(request)
        rows = await self._rows(given, queries.whole(request.query_params, "before"))
        told = {"rows": rows, "given": given, **self._addresses(given)}
        return self._page.render(request, "parts/feed_rows.html", **told)

    async def stream(self, request: Request) -> Response:
        """New exchanges that fit, as they happen: events `rows`, or `many`, and `count`. What is
        not said to be known is new from now on."""
        given, said = self._asked(request), dict(request.query_params)
        queries.check(given, self._known)
        if last := request.headers.get("last-event-id"):
            said["after"] = last
        events = self._events(given, queries.whole(said, "after", self._accounts.feed.next - 1))
        unbuffered = {"x-accel-buffering": "no"}  # by an nginx on the way
        return StreamingResponse(events, 200, unbuffered, "text/event-stream")

    async def _events(self, given: Mapping[str, str], after: int) -> AsyncIterator[str]:
        feed = self._accounts.feed
        after = min(after, feed.next - 1)  # another process had more
        while True:
            fresh = feed.next - 1 - after
            if not fresh:
                if not await feed.appended(ALIVE):
                    if feed.closed:
                        return
                    yield ": alive\n\n"
                    continue
                await asyncio.sleep(GATHER)
                continue
            before, after = after, after + fresh
            found = await newest(feed, given, after + 1, fresh, before)
            if len(found) > AT_ONCE:
                yield _event("many", str(len(found)), after)
            elif found:
                rows = Rows([self._row(numbered) for numbered in found], None)
                text = self._page.text("parts/feed_rows.html", rows=rows, fresh=True)
                yield _event("rows", text, after)
            yield _event("count", f"{after:,}", after)

    async def _rows(self, given: Mapping[str, str], before: int) -> Rows:
        queries.check(given, self._known)
        found = await newest(self._accounts.feed, given, before, ROWS + 1)
        more = len(found) > ROWS
        return Rows([self._row(one) for one in found[:ROWS]], found[ROWS - 1][0] if more else None)

    def _row(self, numbered: Numbered) -> dict[str, Any]:
        number, told = numbered
        account = self._accounts.find(told.vendor, told.account)
        assert account is not None  # accounts are never closed
        contract: Contract = account.room.contract
        line = view.summary(told, account)
        return {
            **line,
            "number": number,
            "title": contract.title,
            "what": happened(line, contract),
            "at": f"{ROOT}/exchanges/{told.id}",
        }

    def _asked(self, request: Request) -> dict[str, str]:
        """The filters that are given; a key is not left in the address."""
        query = request.query_params
        given = {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}
        if "account" in given:
            known = {account.handle for account in self._accounts}
            if given["account"] not in known:
                given["account"] = handle(given["account"])
        return given

    def _addresses(self, given: Mapping[str, str]) -> dict[str, str]:
        query = urlencode(given)
        begun = f"?{query}&" if query else "?"
        return {
            "query": query,
            "here": f"/?{query}" if query else "/",
            "list": f"{ROOT}/feed",
            "past": f"/{begun}before=",
            "older": f"{ROOT}/feed/older{begun}before=",
            "stream": f"{ROOT}/feed/stream{begun}after=",
        }

    def _choices(self) -> dict[str, Any]:
        contracts = [room.contract for room in self._accounts.rooms.values()]
        newest = list(self._accounts)[-ACCOUNTS:][::-1]
        accounts = [view.account(account) for account in newest]
        return {"contracts": contracts, "accounts": accounts, "verdicts": self._known["verdict"]}


async def newest(
    feed: Journal, given: Mapping[str, str], before: int, most: int, after: int = 0
) -> list[Numbered]:
    """The newest exchanges between two numbers that fit. Others have their turn while it looks."""
    fitting, found = sift(given), list[Numbered]()
    while len(found) < most and before > after + 1:
        # Some at a time, and not a list of all: so many new objects have all there are looked at.
        looked = list(islice(feed.before(before), min(CHUNK, before - after - 1)))
        if not looked:
            break
        found += fitting(looked)
        before = looked[-1][0]
        await asyncio.sleep(0)
    return found[:most]


def _event(name: str, text: str, number: int) -> str:
    lines = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"id: {number}\nevent: {name}\n{lines}\n"


def _routes(page: Page) -> list[Route]:
    feed = Feed(page)
    return [
        Route("/", feed.show),
        Route(f"{ROOT}/feed", feed.show),
        Route(f"{ROOT}/feed/older", feed.older),
        Route(f"{ROOT}/feed/stream", feed.stream),
    ]


VIEW = View("feed", "Feed", "/", _routes)
