"""What Kana's dashboard would list of an account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sandbox.room import Shelf

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.kana.state import State

__all__ = ["shelves"]


def shelves(account: Account, _: datetime) -> Sequence[Shelf]:
    """Users, features, mapping rules, packages, subscriptions, and events that nothing maps."""
    state: State = account.state
    unmapped = Counter((event.name, event.kept) for event in state.unmapped)
    return (
        Shelf.of("users", state.oldest_first(), lambda user: user.shown()),
        Shelf.of(
            "features",
            state.features.values(),
            lambda one: {"id": one.id, "name": one.name, "type": one.type},
        ),
        Shelf.of("mapping rules", state.rules.values(), lambda rule: rule.shown()),
        Shelf.of("packages", state.packages.values(), lambda package: package.shown()),
        Shelf.of("subscriptions", state.every_subscription(), lambda one: one.shown()),
        Shelf.of(
            "events that map to nothing",
            unmapped.items(),
            lambda one: {"event": one[0][0], "rule": one[0][1] or None, "events": one[1]},
        ),
        Shelf.of("tries of such events", state.due, lambda at: {"due": at.isoformat()}),
    )
