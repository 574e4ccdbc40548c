"""What Segment's web page would show of a source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sandbox.room import Shelf

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.segment.rules import State

__all__ = ["shelves"]


def shelves(account: Account, _: datetime) -> Sequence[Shelf]:
    """The source itself, and its debugger: the latest events."""
    state: State = account.state
    source = {
        "source": "disabled" if state.disabled else "enabled",
        "workspace": "locked" if state.locked else "unlocked",
        "messages_known": len(state.seen),
    }
    return (
        Shelf.of("source", [source], dict),
        Shelf.of("debugger", list(state.shown), dict),
    )
