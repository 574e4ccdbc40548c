"""One exchange whole: what was sent, what was answered, what is wrong where, and what became of
each event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.model import Contract, Rule
from sandbox import view
from sandbox.account import Account
from sandbox.journal import Exchange
from sandbox.page.copies import copies
from sandbox.page.page import ROOT, Page, View
from sandbox.page.tree import Node, read, tree
from sandbox.page.words import happened
from sandbox.reports.findings import fix

__all__ = ["VIEW"]

EVENTS = 200
"""Events whose fate is shown on the page; the control API tells all."""
RAW = 64 * 1024
"""Characters of a body that are shown as they are; the others are in the file."""
SIDES = ("request", "response")


class Exchanges:
    """Shows exchanges by id."""

    def __init__(self, page: Page) -> None:
        self._page, self._accounts = page, page.control.accounts

    async def show(self, request: Request) -> Response:
        told, of = self._found(request)
        whole = view.exchange(told, of)
        findings = [self._finding(found, of) for found in whole["findings"]]
        for number, found in enumerate(findings, 1):
            found["anchor"] = f"finding-{number}"
        contract = of.room.contract
        return self._page.render(
            request,
            "exchange.html",
            current="feed",
            told=whole,
            contract=contract,
            what=happened(whole, contract),
            findings=findings,
            sent=_body(view.body(told, of, "request"), findings),
            answered=_body(view.body(told, of, "response"), ()),
            events=self._events(whole["effects"][:EVENTS], of),
            left=len(whole["effects"]) - EVENTS,
            traced=any(one.room.contract.role == "source" for one in self._accounts),
            rules=_rules(whole["effects"], contract),
            beside=_beside(told, of),
            copies=copies(told, whole, of, str(request.base_url).rstrip("/")),
        )

    async def raw(self, request: Request) -> Response:
        """A body as a file: never as anything that a browser would run."""
        told, of = self._found(request)
        side = request.path_params["side"]
        if side not in SIDES:
            raise HTTPException(404, f"An exchange has no {side!r}, but {' and '.join(SIDES)}.")
        name = f"{told.id}-{side}.txt"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(view.body(told, of, side), 200, headers, "text/plain; charset=utf-8")

    def _found(self, request: Request) -> tuple[Exchange, Account]:
        id = request.path_params["id"]
        told = self._accounts.exchange(id)
        of = None if told is None else self._accounts.find(told.vendor, told.account)
        if told is None or of is None:
            raise HTTPException(404, f"No exchange {id!r}.")
        return told, of

    def _finding(self, found: Mapping[str, Any], of: Account) -> dict[str, Any]:
        """A finding as it is shown, with its rule and what to do."""
        rule = of.room.contract.rules[found["rule"]]
        value = found["value"]
        return {
            **found,
            "value": "" if value is None else view.dumps(value).decode(),
            "sentence": rule.sentence,
            "read": rule.read,
            "fix": fix(found["path"], found["message"], found["suggestion"]),
        }

    def _events(self, effects: Iterable[Mapping[str, Any]], of: Account) -> list[dict[str, Any]]:
        """Each event with what the ledger has of it now."""
        billed = of.ledger.billed()
        return [{**effect, "billed": effect["event"] in billed} for effect in effects]


def _rules(effects: Iterable[Mapping[str, Any]], contract: Contract) -> list[Rule]:
    """Those by which something happened to events."""
    named = dict.fromkeys(effect["rule"] for effect in effects if effect["rule"])
    return [contract.rules[rule] for rule in named]


def _body(text: str, findings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A body as it is and, where it is JSON, as a tree."""
    value: Node | None = None
    with suppress(ValueError, RecursionError):
        value = tree(read(text), findings) if text else None
    return {"text": text[:RAW], "size": len(text), "cut": max(0, len(text) - RAW), "tree": value}


def _beside(told: Exchange, of: Account) -> dict[str, str | None]:
    """The exchanges of the account before and after this one, where they are kept."""
    first, last = of.journal.dropped + 1, of.journal.next - 1
    near = {"earlier": told.number - 1, "later": told.number + 1}
    return {
        name: f"{ROOT}/exchanges/{told.vendor}-{told.account}-{n}" if first <= n <= last else None
        for name, n in near.items()
    }


def _routes(page: Page) -> list[Route]:
    exchanges = Exchanges(page)
    return [
        Route(f"{ROOT}/exchanges/{{id}}", exchanges.show),
        Route(f"{ROOT}/exchanges/{{id}}/{{side}}.txt", exchanges.raw),
    ]


VIEW = View("exchange", "Exchange", f"{ROOT}/exchanges", _routes, listed=False)
