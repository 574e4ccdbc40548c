"""Which account a view is of: the one that its address names, or the one that was used last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from sandbox import view
from sandbox.account import Account, Accounts
from sandbox.page.page import ROOT

__all__ = ["Choice", "choices", "chosen", "latest", "line", "whole_number"]

MOST = 300
"""Accounts that can be chosen from a list; others are found by their address."""
LOOKED = 20_000
"""The newest exchanges, by which accounts are in order."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An account as a list has it."""

    name: str
    title: str
    shown: str


def line(of: Account) -> dict[str, Any]:
    """An account in a line, with where it is looked at."""
    told = view.account(of)
    return {
        **told,
        "title": of.room.contract.title,
        "profile": of.profile,
        "name": f"{of.vendor}/{of.handle}",
        "at": f"{ROOT}/accounts/{of.vendor}/{of.handle}",
        "feed": f"/?account={of.handle}&vendor={of.vendor}",
        "ledger": f"{ROOT}/ledger?account={of.vendor}/{of.handle}",
    }


def latest(accounts: Accounts) -> list[Account]:
    """Every account, those that were used last first."""
    used: dict[tuple[str, str], int] = {}
    for number, told in islice(accounts.feed.before(accounts.feed.next), LOOKED):
        used.setdefault((told.vendor, told.account), number)
    return sorted(accounts, key=lambda of: -used.get((of.vendor, of.handle), 0))


def choices(accounts: Iterable[Account], now: Account | None) -> Sequence[Choice]:
    """As many as fit in a list, and the one that is looked at."""
    few = list(islice(accounts, MOST))
    if now is not None and now not in few:
        few.append(now)
    return [_choice(of) for of in few]


def chosen(
    accounts: Accounts, request: Request, fits: Callable[[Account], bool] = lambda _: True
) -> Account | None:
    """The account that `?account=vendor/handle` names, or the last that was used and fits."""
    named = request.query_params.get("account")
    if named:
        vendor, _, handle = named.partition("/")
        found = accounts.find(vendor, handle)
        if found is None:
            raise HTTPException(404, f"No account {named!r} here.")
        return found
    return next((of for of in latest(accounts) if fits(of)), None)


def whole_number(request: Request, name: str) -> int | None:
    """A number of the address, if it is one."""
    given = request.query_params.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 16 else None


def _choice(of: Account) -> Choice:
    told = view.account(of)
    return Choice(f"{of.vendor}/{of.handle}", of.room.contract.title, told["account"])
