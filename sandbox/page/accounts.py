"""Accounts: what each is at, what its vendor keeps, and all that can be done to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts import durations
from contracts.model import MeterboxError
from sandbox import view
from sandbox.account import Account
from sandbox.faults import KINDS
from sandbox.journal import Dropped
from sandbox.outlook import Outlook, foreseen, listed
from sandbox.page.choice import latest, line, whole_number
from sandbox.page.doing import Doing, Told, turned
from sandbox.page.page import ROOT, Page, View, partial
from sandbox.page.words import quantity
from sandbox.scenario import presets

__all__ = ["VIEW", "AccountPages"]

ROWS = 100
TABS = {"": "Clock and state", "settings": "Settings", "faults": "Faults", "keep": "Keep and reset"}
AT = f"{ROOT}/accounts/{{vendor}}/{{key}}"


class AccountPages:
    """Shows accounts, by a tab for each kind of thing there is to see and do."""

    def __init__(self, page: Page) -> None:
        self._page, self._control = page, page.control
        self._outlook = Outlook(page.control)

    async def all(self, request: Request) -> Response:
        """Every account that fits, those that were used last first."""
        text = request.query_params.get("text", "").strip()
        start = whole_number(request, "from") or 0
        found = [of for of in latest(self._control.accounts) if _fits(of, text.lower())]
        at = f"{ROOT}/accounts?{urlencode({'text': text})}&from="
        told = {
            "rows": [line(of) for of in found[start : start + ROWS]],
            "text": text,
            "found": len(found),
            "start": start,
            "before": f"{at}{max(0, start - ROWS)}" if start else None,
            "after": f"{at}{start + ROWS}" if start + ROWS < len(found) else None,
        }
        template = "parts/accounts_list.html" if partial(request) else "accounts.html"
        return self._page.render(request, template, current="accounts", **told)

    async def overview(self, request: Request) -> Response:
        return self.shown(request, "", Told())

    async def settings(self, request: Request) -> Response:
        return self.shown(request, "settings", Told())

    async def faults(self, request: Request) -> Response:
        return self.shown(request, "faults", Told())

    async def keep(self, request: Request) -> Response:
        return self.shown(request, "keep", Told())

    async def now(self, request: Request) -> Response:
        """What changes by itself: the time, and how often faults are still to strike."""
        of = self._control.opened(request)
        part = "account_faults" if request.query_params.get("what") == "faults" else "account_now"
        told = {"of": line(of), "faults": pending(of)}
        return self._page.render(request, f"parts/{part}.html", **told)

    async def trial(self, request: Request) -> Response:
        """What turning the clock so would bring about."""
        of, given = self._control.opened(request), dict(request.query_params)
        told: dict[str, Any] = {"trial": None, "why": ""}
        try:
            ahead = self._outlook.ahead(of, turned(given))
            told["trial"] = foreseen(of, ahead)
        except MeterboxError as fault:
            told["why"] = str(fault)
        if partial(request):
            return self._page.render(request, "parts/account_trial.html", of=line(of), **told)
        return self.shown(request, "", Told(given=given, trial=told))

    def shown(self, request: Request, tab: str, told: Told, status: int = 200) -> Response:
        """A tab of an account, and what came of what was asked for."""
        of = self._control.opened(request)
        shown: dict[str, Any] = {
            "of": line(of),
            "tab": tab,
            "tabs": TABS,
            "told": told,
            "contract": of.room.contract,
            "faults": pending(of),
        }
        make = {"": self._state, "settings": _settings, "faults": _faults, "keep": _keep}[tab]
        shown |= make(request, of)
        return self._page.render(request, "account.html", status, current="accounts", **shown)

    def _state(self, _: Request, of: Account) -> dict[str, Any]:
        shelves = [
            {**shelf, "columns": list(dict.fromkeys(k for row in shelf["rows"] for k in row))}
            for shelf in listed(of, ROWS)
        ]
        acts = {name: (act.__doc__ or "").strip() for name, act in of.room.dashboard.items()}
        return {"shelves": shelves, "acts": acts, "written": written}


def pending(of: Account) -> list[dict[str, Any]]:
    """The faults that are still to strike, with what tells them from the usual."""
    usual = {"times": 1, "skip": 0, "every": 1, "probability": 1, "seconds": 0, "seed": 0}
    found = []
    for fault, left in of.faults.pending():
        fields = {name: getattr(fault, name) for name in fault.__slots__}
        if not fault.kind.startswith("status"):
            del fields["status"]
        odd = {k: v for k, v in fields.items() if v is not None and usual.get(k) != v}
        odd = {k: v for k, v in odd.items() if k not in ("kind", "times")}
        found.append(
            {"kind": fault.kind, "left": left, "odd": odd, "does": _plain(KINDS[fault.kind])}
        )
    return found


def written(value: Any) -> str:
    """A value of a vendor's list in a few characters."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return quantity(value)
    return "" if value is None else view.dumps(value).decode()


def _settings(request: Request, of: Account) -> dict[str, Any]:
    text = request.query_params.get("text", "").strip().lower()
    rows = []
    for name, told in view.settings(of).items():
        rule = of.room.contract.rules[name]
        if all(word in f"{name} {rule.sentence}".lower() for word in text.split()):
            value = durations.text(told["value"]) if told["kind"] == "duration" else told["value"]
            rows.append({**view.rule(rule), **told, "value": value, "id": name})
    rows.sort(key=lambda row: row["value"] == row["default"])  # what is changed first
    changed = sum(row["value"] != row["default"] for row in rows)
    return {"rows": rows, "changed": changed, "text": text, "every": len(of.settings)}


def _faults(_: Request, of: Account) -> dict[str, Any]:
    endpoints = [endpoint.name for endpoint in of.room.contract.endpoints]
    return {
        "presets": presets(),
        "kinds": {kind: _plain(does) for kind, does in KINDS.items()},
        "endpoints": endpoints,
    }


def _keep(_: Request, of: Account) -> dict[str, Any]:
    """Whether the journal has all that a snapshot needs."""
    try:
        next(of.journal.whole(), None)
    except Dropped as fault:
        return {"lost": str(fault)}
    return {"lost": ""}


def _plain(text: str) -> str:
    """A sentence without the marks that it has in a terminal."""
    return text.replace("`", "")


def _fits(of: Account, text: str) -> bool:
    told = view.account(of)
    words = f"{of.vendor} {of.room.contract.title} {told['account']} {of.handle}".lower()
    return all(word in words for word in text.split())


def _routes(page: Page) -> list[Route]:
    pages = AccountPages(page)
    doing = Doing(page.control, pages.shown)
    gets: Mapping[str, Any] = {
        "": pages.overview,
        "/settings": pages.settings,
        "/faults": pages.faults,
        "/keep": pages.keep,
        "/now": pages.now,
        "/trial": pages.trial,
        "/snapshot.json": doing.snapshot,
    }
    posts = {f"/{name}": does for name, does in doing.acts().items()}
    return [
        Route(f"{ROOT}/accounts", pages.all),
        *(Route(f"{AT}{path}", shows) for path, shows in gets.items()),
        *(Route(f"{AT}{path}", does, methods=["POST"]) for path, does in posts.items()),
    ]


VIEW = View("accounts", "Accounts", f"{ROOT}/accounts", _routes)
