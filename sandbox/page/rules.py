"""How we know what vendors do: every rule with its source, its cases, and whether the traffic of
now has exercised it."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.cases import Case, read_cases
from contracts.model import Contract, Rule
from sandbox import view
from sandbox.account import Account, Accounts
from sandbox.coverage import spoken
from sandbox.page.choice import whole_number
from sandbox.page.page import ROOT, Page, View, partial
from sandbox.page.tallies import CHUNK, Tallies

__all__ = ["VIEW"]

ROWS = 50
CASES = 30
FILTERS = ("text", "vendor", "confidence", "traffic")
CONFIDENCES = ("documented", "observed", "sdk", "assumed")


@dataclass(frozen=True, slots=True)
class Spoken:
    """How often each rule spoke: in so many exchanges, of which so many broke it, and for so many
    events of ledgers."""

    exchanges: Counter[str]
    findings: Counter[str]
    events: Counter[str]

    def of(self, rule: str) -> int:
        return self.exchanges[rule] or self.events[rule]


class Traffic:
    """Which rules the exchanges of all accounts exercised; read again where there are new ones."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._tallies = Tallies()
        self._known: dict[Account, tuple[tuple[int, int, int], Spoken]] = {}

    async def told(self) -> Spoken:
        whole = Spoken(Counter(), Counter(), Counter())
        for account in self._accounts:
            one = await self._of(account)
            whole.exchanges.update(one.exchanges)
            whole.findings.update(one.findings)
            whole.events.update(one.events)
        return whole

    async def _of(self, account: Account) -> Spoken:
        journal = account.journal
        now = (journal.next, journal.dropped, account.ledger.changes)
        before, found = self._known.get(account, (None, None))
        if found is None or before != now:
            found = Spoken(Counter(), Counter(), Counter())
            await self._read(account, found)
            self._known[account] = now, found
        return found

    async def _read(self, account: Account, found: Spoken) -> None:
        exchanges = iter(list(account.journal.after(0)))
        while few := list(islice(exchanges, CHUNK)):
            for told in few:
                found.exchanges.update(spoken(told, account.room.contract))
                found.findings.update({one.rule for one in told.findings})
            await asyncio.sleep(0)
        tally = await self._tallies.of(account)
        found.events.update({rule: n for rule, n in tally.rules.items() if rule is not None})


class Rules:
    """Shows the rules of every vendor."""

    def __init__(self, page: Page) -> None:
        self._page, self._accounts = page, page.control.accounts
        self._contracts = [room.contract for room in self._accounts.rooms.values()]
        self._traffic = Traffic(self._accounts)
        self._cases: Mapping[str, list[Case]] | None = None

    async def show(self, request: Request) -> Response:
        """Rules that fit, some of them; or the list alone, or what comes after it."""
        query = request.query_params
        given = {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}
        start = whole_number(request, "from") or 0
        told = await self._traffic.told()
        every = [(rule, of) for of in self._contracts for rule in of.rules.values()]
        found = [(rule, of) for rule, of in every if _fits(rule, of, given, told)]
        at = f"{ROOT}/rules?{urlencode(given)}"
        more = start + ROWS < len(found)
        shown: dict[str, Any] = {
            "rows": [await self._row(*one, told) for one in found[start : start + ROWS]],
            "given": given,
            "found": len(found),
            "all": len(every),
            "exercised": sum(1 for rule, _ in every if told.of(rule.id)),
            "more": f"{at}&from={start + ROWS}" if more else None,
        }
        if start and partial(request):
            return self._page.render(request, "parts/rules_rows.html", **shown)
        if partial(request):
            answer = self._page.render(request, "parts/rules_list.html", **shown)
            answer.headers["hx-push-url"] = at.rstrip("?")
            return answer
        shown |= {"contracts": self._contracts, "confidences": CONFIDENCES}
        shown["sums"] = _sums(self._contracts, told)
        return self._page.render(request, "rules.html", current="rules", **shown)

    async def _row(self, rule: Rule, of: Contract, told: Spoken) -> dict[str, Any]:
        if self._cases is None:
            self._cases = await asyncio.to_thread(_cases, self._contracts)
        cases = self._cases.get(rule.id, [])
        return {
            **view.rule(rule),
            "switch": rule.switch,
            "vendor": of.vendor,
            "title": of.title,
            "cases": cases[:CASES],
            "left": max(0, len(cases) - CASES),
            "tests": rule.tests,
            "exchanges": told.exchanges[rule.id],
            "findings": told.findings[rule.id],
            "events": told.events[rule.id],
        }


def _cases(contracts: Iterable[Contract]) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = defaultdict(list)
    for contract in contracts:
        for case in read_cases(contract):
            for rule in case.rules:
                found[rule].append(case)
    return found


def _fits(rule: Rule, of: Contract, given: Mapping[str, str], told: Spoken) -> bool:
    if given.get("vendor", of.vendor) != of.vendor:
        return False
    if given.get("confidence", rule.confidence) != rule.confidence:
        return False
    used = "exercised" if told.of(rule.id) else "not exercised"
    if given.get("traffic", used) != used:
        return False
    text = f"{rule.id} {rule.sentence} {rule.source} {of.title}".lower()
    return all(word in text for word in given.get("text", "").lower().split())


def _sums(contracts: Iterable[Contract], told: Spoken) -> list[dict[str, Any]]:
    """By vendor: how many rules there are, how many were exercised, and how sure we are."""
    return [
        {
            "vendor": of.vendor,
            "title": of.title,
            "rules": len(of.rules),
            "exercised": sum(1 for rule in of.rules if told.of(rule)),
            "confidences": Counter(rule.confidence for rule in of.rules.values()),
        }
        for of in contracts
    ]


def _routes(page: Page) -> list[Route]:
    return [Route(f"{ROOT}/rules", Rules(page).show)]


VIEW = View("rules", "Rules", f"{ROOT}/rules", _routes)
