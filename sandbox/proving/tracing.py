"""What happens in a place, noted as it happens."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.account import Account
from sandbox.journal import Exchange
from sandbox.proving.place import Place

__all__ = ["watch"]


def watch(place: Place, asked: Callable[[], None] | None = None) -> list[str]:
    """A line for each request from now on; `asked` is called before it is answered."""
    trace: list[str] = []

    def note(account: Account, exchange: Exchange) -> None:
        fault = "" if exchange.fault is None else f" {exchange.fault.kind}"
        line = f"{account.vendor} {exchange.number} {exchange.endpoint} {exchange.reply.status}"
        trace.append(line + fault)
        if asked is not None:
            asked()

    for vendor in place.accounts:
        desk, _ = place.sandbox.switchboard.find(vendor, "POST", "/")
        desk.note = note
    return trace
