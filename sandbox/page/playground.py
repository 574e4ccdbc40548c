"""An event or a payload, and at once what every vendor would make of it. No account is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.cases import render
from contracts.model import MeterboxError
from sandbox.clock import parse, wall
from sandbox.guess import endpoints
from sandbox.page.journeys import shown
from sandbox.page.page import ROOT, Page, View, form, partial
from sandbox.playground import Play, played
from sandbox.plaything import Unplayable
from sandbox.wiring import local
from translators.mapping import translated_vendors

__all__ = ["VIEW"]

HERE = f"{ROOT}/playground"
NAMES = ("text", "to", "at", "stage", "settings")


@dataclass(frozen=True)
class Example:
    title: str
    of: str
    value: Any

    @property
    def text(self) -> str:
        """As one would write it."""
        return json.dumps(self.value, indent=2, ensure_ascii=False)


class Playground:
    """Plays what is sent, and shows it."""

    def __init__(self, page: Page) -> None:
        self._page, self._rooms = page, page.control.accounts.rooms

    async def show(self, request: Request) -> Response:
        """The page with an example in it."""
        examples = list(self._examples(wall()))
        asked = request.query_params.get("example", "")
        chosen = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 5 else 0
        text = examples[chosen].text if chosen < len(examples) else ""
        settings = json.dumps(self._settings(), indent=2)
        given = {**dict.fromkeys(NAMES, ""), "text": text, "settings": settings}
        return await self._shown(request, given, chosen)

    async def play(self, request: Request) -> Response:
        """What becomes of what was written; with the text kept, whatever is wrong with it."""
        sent = await form(request)
        # As a form is sent, lines end otherwise than they were written.
        given = {name: sent.get(name, "").replace("\r\n", "\n") for name in NAMES}
        if partial(request):
            told = await self._played(given)
            return self._page.render(request, "parts/played.html", **told)
        return await self._shown(request, given)

    async def _shown(
        self, request: Request, given: Mapping[str, str], chosen: int | None = None
    ) -> Response:
        told = await self._played(given)
        return self._page.render(
            request,
            "playground.html",
            current="playground",
            given=given,
            examples=list(self._examples(wall())),
            chosen=chosen,
            endpoints=[
                (f"{contract.vendor}/{endpoint.name}", f"{contract.title}: {endpoint.name}")
                for contract, endpoint in endpoints(self._rooms)
            ],
            sources=[
                room.contract for room in self._rooms.values() if room.contract.role == "source"
            ],
            **told,
        )

    async def _played(self, given: Mapping[str, str]) -> dict[str, Any]:
        """What a template shows of a play: `why` it is none, if so."""
        if not given["text"].strip():
            return {"told": None, "why": ""}
        try:
            told = await played(_asked(given), self._rooms)
        except MeterboxError as fault:
            return {"told": None, "why": str(fault)}
        billed = [lane["title"] for lane in told["lanes"] if lane["standing"] == "billed"]
        return {"told": told, "why": "", "billed": billed, **shown(told)}

    def _settings(self) -> dict[str, Any]:
        """What destinations are set to on this machine unless somebody says otherwise."""
        vendors = (vendor for vendor in translated_vendors() if vendor in self._rooms)
        return {vendor: dict(local(vendor)) for vendor in vendors}

    def _examples(self, now: datetime) -> Iterator[Example]:
        """Calls as SDKs send them, calls with which something is wrong, vendors' own payloads."""
        for call in _lines("examples.ndjson", now):
            name = call.get("event") or call.get("name") or ""
            yield Example(f"{call['type']} {name}".strip(), "Calls", call)
        for line in _lines("troubles.ndjson", now):
            if not {"twin", "faults", "write_key"} & line.keys():
                yield Example(line["title"], "Trouble", line["event"])
        for room in self._rooms.values():
            contract = room.contract
            known = {endpoint.name for of, endpoint in endpoints(self._rooms) if of is contract}
            if contract.example["endpoint"] in known:
                value = render(contract.example["json"], now=now, run="play")
                yield Example(contract.title, "Payloads", value)


def _lines(name: str, now: datetime) -> Iterator[dict[str, Any]]:
    """The lines of a file of examples, as of now; `{{midnight}}` is the beginning of yesterday."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    midnight = day.isoformat().replace("+00:00", "Z")
    for line in (files("fixtures") / "segment" / name).read_text(encoding="utf-8").splitlines():
        if line.strip():
            told = json.loads(line.replace("{{midnight}}", midnight))
            yield render(told, now=now.replace(microsecond=0), run="play")


def _asked(given: Mapping[str, str]) -> Play:
    """What to play with. Raises Unplayable."""
    at = given["at"].strip()
    try:
        moment = parse(at) if at else None
    except (ValueError, OverflowError) as fault:
        raise Unplayable(f"{at!r} is no time such as 2026-01-15T12:00:00Z.") from fault
    to = given["to"] or None
    return Play(given["text"], _settings(given["settings"]), to, moment, given["stage"] == "bare")


def _settings(text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text or "{}")
    except (ValueError, RecursionError) as fault:
        raise Unplayable(f"The destinations' settings are no JSON: {fault}.") from fault
    if not isinstance(settings, dict) or not all(isinstance(v, dict) for v in settings.values()):
        raise Unplayable("The destinations' settings are an object for each vendor, in one object.")
    return settings


def _routes(page: Page) -> list[Route]:
    playground = Playground(page)
    return [Route(HERE, playground.show), Route(HERE, playground.play, methods=["POST"])]


VIEW = View("playground", "Playground", HERE, _routes)
