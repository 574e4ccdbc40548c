"""What the forwarder could not deliver: why, how often it was tried, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from contracts.model import MeterboxError
from sandbox import queries
from sandbox.auth import redacted
from sandbox.page.choice import whole_number
from sandbox.page.page import ROOT, Page, View, form
from sandbox.page.tree import tree
from sandbox.undelivered import Undelivered

if TYPE_CHECKING:
    from translators.forwarding.outbox import Delivery

__all__ = ["VIEW"]

ROWS = 100
HERE = f"{ROOT}/dead-letters"


class DeadLetters:
    """Shows dead letters, and has them tried again or let go of."""

    def __init__(self, page: Page) -> None:
        self._page, self._accounts = page, page.control.accounts
        self._dead = Undelivered(page.control)

    async def show(self, request: Request) -> Response:
        return self._listed(request, {})

    async def one(self, request: Request) -> Response:
        """A letter whole: its event, every try, and what was answered."""
        number, vendor = request.path_params["number"], request.path_params["vendor"]
        found = [
            {**told, **self._from(letter), "tree": tree(told["body"])}
            for letter in self._dead.one(vendor, number)
            for told in [self._dead.whole(letter)]
        ]
        return self._page.render(
            request, "deadletter.html", current="dead-letters", letters=found, here=HERE, wrong=""
        )

    async def act(self, request: Request) -> Response:
        """Retry or drop one letter, or all that are chosen."""
        given = await form(request)
        try:
            count = await self._done(given)
        except MeterboxError as fault:
            return self._listed(request, {"why": str(fault), "given": given}, 400)
        chosen = {"did": given.get("do", ""), "count": str(count)}
        chosen |= {"vendor": given["of"]} if given.get("of") else {}
        return RedirectResponse(f"{HERE}?{urlencode(chosen)}", 303)

    async def _done(self, given: Mapping[str, str]) -> int:
        chosen = ("vendor", "origin")
        asked: dict[str, Any] = {name: given[name] for name in chosen if name in given}
        if "number" in given:  # or a number that is none would be all of the vendor's
            asked["numbers"] = [queries.whole(given, "number")]
        if given.get("all") == "yes":
            asked["all"] = True
        if given.get("do") == "drop":
            return self._dead.gone(asked)
        return await self._dead.again({**asked, "force": given.get("force") == "yes"})

    def _listed(self, request: Request, wrong: Mapping[str, Any], status: int = 200) -> Response:
        query = request.query_params
        start, vendor = whole_number(request, "from") or 0, query.get("vendor", "")
        shared = ""
        try:
            found, more = self._dead.some({"vendor": vendor}, start, ROWS)
        except MeterboxError as fault:  # an outbox that is not this forwarder's alone
            (found, more), shared = ([], False), str(fault)
        at = f"{HERE}?{urlencode({'vendor': vendor})}&from=" if vendor else f"{HERE}?from="
        return self._page.render(
            request,
            "deadletters.html",
            status,
            current="dead-letters",
            rows=[{**self._dead.line(letter), **self._from(letter)} for letter in found],
            here=HERE,
            vendor=vendor,
            vendors=self._vendors(),
            start=start,
            before=f"{at}{max(0, start - ROWS)}" if start else None,
            after=f"{at}{start + ROWS}" if more else None,
            forwarding=self._page.control.forwarding is not None,
            did=query.get("did", "") if query.get("did") in ("retry", "drop") else "",
            count=whole_number(request, "count") or 0,
            wrong={"why": "", "given": {}, **wrong},
            shared=shared,
        )

    def _vendors(self) -> list[tuple[str, str]]:
        forwarding = self._page.control.forwarding
        names = () if forwarding is None else forwarding.destinations
        rooms = self._accounts.rooms
        return [(n, rooms[n].contract.title if n in rooms else n) for n in names]

    def _from(self, letter: Delivery) -> dict[str, Any]:
        """Whose letter it is, and for whom, as they are shown."""
        vendor, _, handle = letter.origin.partition("\n")
        source = self._accounts.find(vendor, handle)
        room = self._accounts.rooms.get(letter.vendor)
        name = f"{vendor}/{handle}" if handle else letter.origin
        return {
            "title": room.contract.title if room is not None else letter.vendor,
            "origin": name,
            "source": redacted(source.key) if source is not None else name,
            "account": f"{ROOT}/accounts/{name}" if source is not None else None,
            "at": f"{HERE}/{letter.vendor}/{letter.number}",
        }


def _routes(page: Page) -> list[Route]:
    letters = DeadLetters(page)
    return [
        Route(HERE, letters.show),
        Route(HERE, letters.act, methods=["POST"]),
        Route(f"{HERE}/{{vendor}}/{{number}}", letters.one),
    ]


VIEW = View("dead-letters", "Dead letters", HERE, _routes)
