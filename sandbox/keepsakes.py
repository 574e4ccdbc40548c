"""What the control API tells of an account as a whole: its snapshot, and what was exercised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from contracts.model import Contract, UnknownVendor
from sandbox.account import Account
from sandbox.answers import answer, json_object
from sandbox.coverage import coverage
from sandbox.journal import Act
from sandbox.reports.document import covered
from sandbox.snapshot import Restored, read, restore, take

if TYPE_CHECKING:
    from sandbox.control import Control
    from sandbox.switchboard import Switchboard

__all__ = ["Keepsakes"]


class Keepsakes:
    """Requests for snapshots and coverage, at a control API."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def take(self, request: Request) -> Response:
        return answer(take(self._control.opened(request), self._board.added))

    async def restore(self, request: Request) -> Response:
        document = await json_object(request)
        read(document)  # what is no snapshot opens no account
        return answer(asdict(await self.bring_back(self._control.open(request), document)))

    async def bring_back(self, account: Account, document: Mapping[str, Any]) -> Restored:
        """Make an account what a snapshot says, durably. Raises BadSnapshot, with nothing done."""
        snapshot = read(document)
        now = account.clock.now()
        done = restore(snapshot, account, self._board)
        if self._control.archive is not None:
            self._control.archive.act(account, now, Act("restore", document))
            await self._control.archive.written()
        if self._control.forget is not None:
            self._control.forget(account)
        return done

    async def coverage_of(self, request: Request) -> Response:
        account = self._control.opened(request)
        return _covered(account.room.contract, [account])

    async def coverage(self, request: Request) -> Response:
        vendor, accounts = request.path_params["vendor"], self._control.accounts
        if vendor not in accounts.rooms:
            raise UnknownVendor(vendor, known=sorted(accounts.rooms))
        mine = [account for account in accounts if account.vendor == vendor]
        return _covered(accounts.rooms[vendor].contract, mine)

    @property
    def _board(self) -> Switchboard:
        assert self._control.switchboard is not None  # as the composition sees to
        return self._control.switchboard


def _covered(contract: Contract, accounts: Iterable[Account]) -> Response:
    """`dropped` exchanges and events were there, and are looked at no more."""
    mine = list(accounts)
    dropped = sum(account.journal.dropped for account in mine)
    told = [covered(one) for one in coverage(contract, mine)]
    return answer({"coverage": told, "dropped": dropped})
