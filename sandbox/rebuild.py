"""Rebuilds the accounts of a data folder by applying its journal again, in order and as it was."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sandbox.account import Accounts
from sandbox.acts import perform
from sandbox.archive import Archive, Kept
from sandbox.journal import Act, Exchange
from sandbox.partner import Partner
from sandbox.reply import Request
from sandbox.snapshot import read, restore
from sandbox.switchboard import Switchboard

__all__ = ["Rebuilt", "rebuild"]

LOG = logging.getLogger(__name__)


@dataclass
class Rebuilt:
    """What was applied: `different` counts answers that are not those given before."""

    exchanges: int = 0
    acts: int = 0
    different: int = 0
    unknown: int = 0


def rebuild(archive: Archive, accounts: Accounts, switchboard: Switchboard) -> Rebuilt:
    """Apply everything kept. Rows of vendors that are no longer here are counted as unknown."""
    done = Rebuilt()
    for kept in archive.kept():
        if kept.vendor not in accounts.rooms:
            done.unknown += 1
        elif isinstance(kept.what, Act):
            _do(kept, kept.what, accounts, switchboard)
            done.acts += 1
        else:
            done.exchanges += 1
            done.different += not _same(kept, kept.what, switchboard)
    for account in accounts:
        account.webhooks.withhold()
    if done.different:
        LOG.warning("%d of %d rebuilt answers differ", done.different, done.exchanges)
    return done


def _do(kept: Kept, act: Act, accounts: Accounts, switchboard: Switchboard) -> None:
    account = accounts.open(kept.vendor, kept.key)
    if act.name == "restore":
        restore(read(act.arguments), account, switchboard)
    else:
        perform(account, act.name, act.arguments, kept.at)


def _same(kept: Kept, request: Request, switchboard: Switchboard) -> bool:
    """Carry out one exchange again; whether its answer is the one given before."""
    partner = switchboard.added.get(request.path)
    again: Exchange | None
    if isinstance(partner, Partner):
        again = partner.repeat(request, kept.at)
    else:
        desk, place = switchboard.find(kept.vendor, request.method, request.path)
        request.params = place.params
        again = desk.repeat(request, place.methods, kept.fault, kept.at)
    answer = (kept.status, kept.reply)
    return again is not None and (again.reply.status, again.reply.body) == answer
