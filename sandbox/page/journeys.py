"""One Segment event from the call to the bill, at every vendor side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from contracts.reader import read
from sandbox import view
from sandbox.clock import iso
from sandbox.intake import Seen
from sandbox.journey import NoEvent, journey
from sandbox.page.page import ROOT, Page, View, partial
from sandbox.page.tree import tree
from sandbox.veil import Veil

if TYPE_CHECKING:
    from translators.forwarding.outbox import Delivery

__all__ = ["VIEW", "shown"]

ROWS = 60
LOOKED_AT = 100_000
"""Events among which one is looked for by its name."""
HERE = f"{ROOT}/journeys"


class Journeys:
    """Shows events, and the journey of one."""

    def __init__(self, page: Page) -> None:
        self._page, self._accounts = page, page.control.accounts

    async def list(self, request: Request) -> Response:
        """The newest events that fit a text."""
        text = request.query_params.get("text", "").strip()
        rows = list(self._rows(text))
        told = {"rows": rows, "text": text, "forwarding": self._page.forwarding is not None}
        if not partial(request):
            return self._page.render(request, "journeys.html", current="journeys", **told)
        answer = self._page.render(request, "parts/journey_rows.html", **told)
        answer.headers["hx-push-url"] = f"{HERE}?{urlencode({'text': text})}" if text else HERE
        return answer

    async def find(self, request: Request) -> Response:
        """The journey of the event that a vendor or a source knows by this name."""
        name = request.query_params.get("event", "")
        for seen in self._page.control.roads.recent(most=LOOKED_AT):
            if seen.event and (seen.event == name or name.endswith(f"/{seen.event}")):
                return RedirectResponse(_path(seen), 303)
        return RedirectResponse(f"{HERE}?{urlencode({'text': name})}", 303)

    async def show(self, request: Request) -> Response:
        source = self._accounts.find(request.path_params["vendor"], request.path_params["handle"])
        event = request.query_params.get("event", "")
        if source is None or source.room.contract.role != "source":
            raise HTTPException(404, "No account of a source has this name.")
        try:
            told = journey(source, event, self._page.control.roads)
        except NoEvent as fault:
            raise HTTPException(404, str(fault)) from fault
        return self._page.render(
            request, "journey.html", current="journeys", told=told, **shown(told)
        )

    def _rows(self, text: str) -> Iterator[dict[str, Any]]:
        """Each event once, with how it stands at each destination."""
        roads, seen = self._page.control.roads, dict[tuple[str, str], Seen]()
        for one in roads.recent(text, 4 * ROWS):
            seen.setdefault((one.exchange.account, one.event), one)
        few = list(seen.items())[:ROWS]
        ways: dict[tuple[str, str], dict[str, str]] = {}
        for handle in {account for (account, _), _ in few}:
            own = [one for (account, _), one in few if account == handle]
            source = self._accounts.find(own[0].exchange.vendor, handle)
            assert source is not None  # accounts are never closed
            for delivery in roads.deliveries(source, *(one.event for one in own)):
                name = str(delivery.event.get("messageId"))
                ways.setdefault((handle, name), {})[read(delivery.vendor).title] = _way(delivery)
        for place, one in few:
            source = self._accounts.find(one.exchange.vendor, one.exchange.account)
            assert source is not None
            yield {**_row(one, Veil([source.key])), "ways": ways.get(place, {})}


def _way(delivery: Delivery) -> str:
    """How a delivery stands, in a word for a list."""
    if getattr(delivery.outcome, "code", "") == "UNSUPPORTED_EVENT_TYPE":
        return "not taken"
    return "pending" if delivery.outcome is None else type(delivery.outcome).__name__.lower()


def _row(seen: Seen, veil: Veil) -> dict[str, Any]:
    return {
        "at": _path(seen),
        "time": iso(seen.exchange.at),
        "event": veil.text(seen.event),
        "name": veil.node(seen.name),
        "customer": veil.node(seen.customer),
        "outcome": seen.outcome,
    }


def _path(seen: Seen) -> str:
    return _at(seen.exchange.vendor, seen.exchange.account, seen.event)


def _at(vendor: str, handle: str, event: str) -> str:
    """Where a journey is: any text may be an event's name."""
    return f"{HERE}/{vendor}/{handle}?{urlencode({'event': event})}"


def shown(told: Mapping[str, Any]) -> dict[str, Any]:
    """What templates show of a journey, or of a play, beside what the control API tells."""
    made = told["intake"] or {"arrivals": (), "sent": None, "published": None, "changes": ()}
    event = made["published"] or made["sent"] or {}
    found = [one for arrival in made["arrivals"][:1] for one in _moved(arrival)]
    # What an event that was published is told of is no fault, and not put in the way.
    wrong = found if made["published"] is None else []
    return {
        "title": " ".join(str(event.get(name) or "") for name in ("type", "event")).strip(),
        "customer": event.get("userId") or event.get("anonymousId"),
        "sent": None if made["sent"] is None else tree(made["sent"], _anchored(wrong, "sent")),
        "notes": [] if wrong else found,
        "published": None if made["published"] is None else tree(made["published"]),
        "changes": [_change(change) for change in made["changes"]],
        "lanes": [_dressed(lane) for lane in told["lanes"]],
    }


def _moved(arrival: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Findings with their paths inside of the event alone."""
    for found in arrival["findings"]:
        inside = found["path"].startswith(arrival["place"])
        path = "$" + found["path"][len(arrival["place"]) :] if inside else "$"
        yield {**found, "path": path}


def _change(change: Mapping[str, Any]) -> dict[str, Any]:
    was, now = (None if change[n] is None else _text(change[n]) for n in ("was", "is"))
    return {"path": change["path"], "was": was, "now": now}


def _dressed(lane: Mapping[str, Any]) -> dict[str, Any]:
    """A lane with its values as text."""
    made = lane["translation"]
    trace = [{**one, "text": _text(one["value"])} for one in made["trace"]]
    requests = [
        {**one, "tree": tree(one["body"], _anchored(one["findings"], f"{lane['vendor']}-{n}"))}
        for n, one in enumerate(made["requests"])
    ]
    return {**lane, "translation": {**made, "trace": trace, "requests": requests}}


def _anchored(findings: Iterable[Mapping[str, Any]], where: str) -> Iterator[dict[str, Any]]:
    """Findings that have a name on the page."""
    for number, found in enumerate(findings, 1):
        yield {**found, "anchor": f"finding-{where}-{number}"}


def _text(value: Any) -> str:
    return view.dumps(value).decode()


def _routes(page: Page) -> list[Route]:
    journeys = Journeys(page)
    return [
        Route(HERE, journeys.list),
        Route(f"{HERE}/find", journeys.find),
        Route(f"{HERE}/{{vendor}}/{{handle}}", journeys.show),
    ]


VIEW = View("journeys", "Journeys", HERE, _routes)
