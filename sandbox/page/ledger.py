"""What an account's ledger says: who is billed for what, what is not billed and why, over time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import view
from sandbox.account import Account
from sandbox.ledger import Entry, Ledger
from sandbox.page.chart import chart
from sandbox.page.choice import choices, chosen, latest, line, whole_number
from sandbox.page.page import ROOT, Page, View, partial
from sandbox.page.tallies import CHUNK, Tallies
from sandbox.page.words import quantity
from sandbox.reply import Outcome
from sandbox.tally import Cell, Reason, Tally, name
from sandbox.veil import Veil

__all__ = ["VIEW"]

ROWS = 100
LONGEST = 300
"""Characters of a name that are looked at in a search and shown."""
OUTCOMES: dict[Outcome, str] = {
    "accepted": "billed",
    "updated": "billed anew",
    "duplicate": "duplicate",
    "late": "late",
    "unmatched": "not counted",
    "dropped": "dropped",
    "removed": "taken back",
    "rejected": "refused",
}
"""What became of events, in the order in which it is shown, and in the page's words."""
ALWAYS = ("accepted", "duplicate", "late", "rejected")


class Ledgers:
    """Shows the ledger of an account."""

    def __init__(self, page: Page) -> None:
        self._page, self._accounts = page, page.control.accounts
        self._tallies = Tallies()

    async def show(self, request: Request) -> Response:
        """Totals by customer and meter, the chart and the reasons; or the table alone."""
        of = chosen(self._accounts, request, lambda one: one.ledger.changes > 0)
        if of is None:
            return self._page.render(request, "ledger.html", current="ledger", of=None)
        tally, veil = await self._tallies.of(of), Veil([of.key])
        told = {**self._table(request, of, tally, veil), "of": line(of), "words": OUTCOMES}
        if partial(request):
            answer = self._page.render(request, "parts/ledger_table.html", **told)
            answer.headers["hx-push-url"] = told["here"]
            return answer
        told |= {
            "accounts": choices(latest(self._accounts), of),
            "outcomes": tally.outcomes,
            "chart": chart(tally.times, OUTCOMES),
            "silent": _reasons(tally, of, refused=False),
            "refused": _reasons(tally, of, refused=True),
            "dropped": of.ledger.dropped,
        }
        return self._page.render(request, "ledger.html", current="ledger", **told)

    async def events(self, request: Request) -> Response:
        """Events of a cell, an outcome or a reason, newest first."""
        of = chosen(self._accounts, request)
        if of is None:
            raise HTTPException(404, "No account has been used yet.")
        tally, given = await self._tallies.of(of), _asked(request)
        cell = tally.cells.get(given["cell"]) if "cell" in given else None
        if "cell" in given and cell is None:
            raise HTTPException(404, "The ledger has nothing of this customer and meter.")
        found = await _found(of.ledger, given, cell, whole_number(request, "before"))
        veil = Veil([of.key])
        at = f"{ROOT}/ledger/events?{urlencode({'account': _name(of), **given})}"
        told = {
            "of": line(of),
            "rows": _rows(found.rows, of),
            "older": None if found.older is None else f"{at}&before={found.older}",
            "words": OUTCOMES,
            "cell": None if cell is None else _named(cell, veil),
            "rule": of.room.contract.rules.get(given.get("rule", "")),
            "outcome": given.get("outcome"),
        }
        template = "parts/ledger_events.html" if partial(request) else "ledger_events.html"
        return self._page.render(request, template, current="ledger", **told)

    def _table(self, request: Request, of: Account, tally: Tally, veil: Veil) -> dict[str, Any]:
        """The rows that the search leaves, some of them, and where the others are."""
        text = request.query_params.get("text", "").strip()
        start = whole_number(request, "from") or 0
        found = [cell for cell in tally.cells.values() if _fits(cell, text.lower())]
        found.sort(key=lambda cell: (str(cell.customer).lower(), str(cell.meter).lower()))
        given = {"account": _name(of), **({"text": text} if text else {})}
        at = f"{ROOT}/ledger?{urlencode(given)}"
        used = [word for word in OUTCOMES if word in ALWAYS or tally.outcomes[word]]
        return {
            "rows": [_cell(cell, of, veil) for cell in found[start : start + ROWS]],
            "columns": used,
            "text": text,
            "here": at if not start else f"{at}&from={start}",
            "place": {"from": start, "found": len(found), "all": len(tally.cells)},
            "before": f"{at}&from={max(0, start - ROWS)}" if start else None,
            "after": f"{at}&from={start + ROWS}" if start + ROWS < len(found) else None,
        }


@dataclass(frozen=True, slots=True)
class Found:
    """Entries with the numbers of their events, newest first; there is more before `older`."""

    rows: Sequence[tuple[int, Entry]]
    older: int | None


async def _found(
    ledger: Ledger, given: dict[str, str], cell: Cell | None, before: int | None
) -> Found:
    rows: list[tuple[int, Entry]] = []
    for n, (number, entry) in enumerate(ledger.newest(before)):
        if len(rows) >= ROWS and rows[-1][0] != number:
            return Found(rows, rows[-1][0])
        if _wanted(entry, given, cell):
            rows.append((number, entry))
        if n % CHUNK == CHUNK - 1:
            await asyncio.sleep(0)
    return Found(rows, None)


def _wanted(entry: Entry, given: dict[str, str], cell: Cell | None) -> bool:
    if cell is not None and entry.usage.customer != cell.customer:
        return False
    if cell is not None and entry.usage.meter != cell.meter:
        return False
    if "outcome" in given and entry.outcome != given["outcome"]:
        return False
    return "rule" not in given or (entry.rule or "") == given["rule"]


def _asked(request: Request) -> dict[str, str]:
    query = request.query_params
    return {name: query[name] for name in ("cell", "outcome", "rule") if name in query}


def _fits(cell: Cell, text: str) -> bool:
    named = (cell.customer, cell.meter)
    return not text or any(text in part[:LONGEST].lower() for part in named if part is not None)


def _cell(cell: Cell, of: Account, veil: Veil) -> dict[str, Any]:
    at = f"{ROOT}/ledger/events?account={_name(of)}&cell={name(cell.customer, cell.meter)}"
    return {
        **_named(cell, veil),
        "quantities": [quantity(total.quantity) for total in cell.totals],
        "events": cell.events,
        "outcomes": cell.outcomes,
        "shares": list(_shares(cell)),
        "at": at,
    }


def _shares(cell: Cell) -> Iterator[tuple[str, float, float]]:
    """Where in a bar each outcome begins and how long it is, in percent."""
    every, at = sum(cell.outcomes.values()), 0.0
    for word in OUTCOMES:
        if cell.outcomes[word]:
            length = 100 * cell.outcomes[word] / every
            yield word, round(at, 3), round(length, 3)
            at += length


def _named(cell: Cell, veil: Veil) -> dict[str, Any]:
    return {"customer": veil.node(cell.customer), "meter": veil.node(cell.meter)}


def _reasons(tally: Tally, of: Account, *, refused: bool) -> list[dict[str, Any]]:
    """Why events are not billed: those that were refused, or those that were not."""
    return [
        {
            "outcome": reason.outcome,
            "rule": None if reason.rule is None else of.room.contract.rules.get(reason.rule),
            "count": reason.count,
            "at": _where(of, reason),
        }
        for reason in tally.reasons
        if reason.refused == refused
    ]


def _where(of: Account, reason: Reason) -> str:
    asked = {"account": _name(of), "outcome": reason.outcome, "rule": reason.rule or ""}
    return f"{ROOT}/ledger/events?{urlencode(asked)}"


def _rows(found: Sequence[tuple[int, Entry]], of: Account) -> list[dict[str, Any]]:
    """Entries as the control API tells them, with where their exchange is."""
    entries, billed = [entry for _, entry in found], of.ledger.billed()
    return [
        {
            **told,
            "billed": entry.usage.event in billed,
            "quantity": quantity(entry.usage.quantity),
            "at": f"{ROOT}/exchanges/{told['exchange']}" if told["exchange"] else None,
        }
        for entry, told in zip(entries, view.ledger(of, entries, ())["entries"], strict=True)
    ]


def _name(of: Account) -> str:
    return f"{of.vendor}/{of.handle}"


def _routes(page: Page) -> list[Route]:
    ledgers = Ledgers(page)
    return [Route(f"{ROOT}/ledger", ledgers.show), Route(f"{ROOT}/ledger/events", ledgers.events)]


VIEW = View("ledger", "Ledger", f"{ROOT}/ledger", _routes)
