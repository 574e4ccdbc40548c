"""What the control API tells of an account's inside: what the vendor would list of it, and what its
clock would bring about."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from contracts import durations
from contracts.model import MeterboxError
from sandbox.account import Account
from sandbox.answers import answer, json_object
from sandbox.clock import iso
from sandbox.foresight import Change, Foresight, Window, foresee
from sandbox.veil import Veil

if TYPE_CHECKING:
    from sandbox.control import Control

__all__ = ["Outlook", "foreseen", "listed"]

ROWS = 1_000
CHANGES = 100


class Outlook:
    """Requests for what an account holds and what is ahead of it, at a control API."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def state(self, request: Request) -> Response:
        account = self._control.opened(request)
        return answer({"state": listed(account, ROWS)})

    async def trial(self, request: Request) -> Response:
        account = self._control.opened(request)
        turn = await json_object(request)
        return answer(foreseen(account, self.ahead(account, turn)))

    def ahead(self, account: Account, turn: Mapping[str, Any]) -> Foresight:
        """What turning the clock so would bring about. Raises what `foresee` does."""
        board, forwarding = self._control.switchboard, self._control.forwarding
        if board is None:
            raise MeterboxError("Nothing can be tried here: there is nothing to try it with.")
        return foresee(account, turn, board, None if forwarding is None else forwarding.pending)


def listed(of: Account, most: int) -> list[dict[str, Any]]:
    """What the vendor keeps, by kind: how many there are and the first of them."""
    now = of.clock.now()
    of.elapse(now)
    veil = Veil([of.key, *of.webhooks.secrets])
    return [
        {
            "name": shelf.name,
            "count": shelf.count,
            "rows": [veil.node(row) for row in islice(shelf.rows, most)],
        }
        for shelf in of.room.shelves(of, now)
    ]


def foreseen(of: Account, ahead: Foresight) -> dict[str, Any]:
    """A trial as JSON."""
    veil = Veil([of.key, *of.webhooks.secrets])
    return {
        "now": iso(ahead.now),
        "then": iso(ahead.then),
        "ledger": [
            {"outcome": outcome, "rule": rule, "events": count}
            for (outcome, rule), count in ahead.outcomes.items()
        ],
        "totals": veil.node([_total(*one) for one in islice(ahead.totals.items(), CHANGES)]),
        "state": veil.node([_change(one) for one in ahead.changes[:CHANGES]]),
        "left_out": max(0, len(ahead.changes) - CHANGES) + max(0, len(ahead.totals) - CHANGES),
        "webhooks": dict(ahead.webhooks),
        "due": [
            {"what": due.what, "count": due.count, "first": iso(due.first)} for due in ahead.due
        ],
        "windows": [_window(one) for one in ahead.windows],
        "different": ahead.different,
    }


def _total(place: tuple[str | None, str | None], billed: tuple[Any, Any]) -> dict[str, Any]:
    (customer, meter), (before, after) = place, billed
    return {"customer": customer, "meter": meter, "before": before, "after": after}


def _change(one: Change) -> dict[str, Any]:
    return {"kind": one.shelf, "name": one.name, "before": one.before, "after": one.after}


def _window(one: Window) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "length": durations.text(one.length),
        "reaches_now": iso(one.now),
        "reaches_then": iso(one.then),
    }
