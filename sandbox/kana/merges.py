"""What becomes of Kana's users, their usage and their kept events when two turn out to be one,
or one is gone."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.kana.state import State, Terms, User
from sandbox.reply import Effects

__all__ = ["absorb", "delete", "join", "rename"]


def join(users: Sequence[User], state: State, terms: Terms) -> tuple[User, tuple[Effects, ...]]:
    """Merge users by hand: the one created first survives (rule kana.merge.oldest)."""
    oldest, *others = sorted(users, key=lambda user: user.born)
    effects: tuple[Effects, ...] = ()
    for other in others:
        id, identified = other.id, other.identified
        effects += absorb(other, oldest, state, "kana.merge.oldest")
        if identified and not oldest.identified and terms.merged_id == "given":
            effects += rename(oldest, id, state, "kana.merge.user-id")
    return oldest, effects


def delete(user: User, state: State, terms: Terms) -> tuple[Effects, ...]:
    """Delete a user, and with it what it subscribed to and used (rule kana.user.delete-usage)."""
    del state.users[user.id]
    state.subscriptions.pop(user.id, None)
    lost = state.records.forget(user.id)
    if terms.deleted_usage == "kept" or not lost:
        return ()
    return (Effects("removed", lost, "kana.user.delete-usage"),)


def absorb(gone: User, left: User, state: State, rule: str) -> tuple[Effects, ...]:
    """`gone` becomes part of `left`, which keeps its own fields and fills its gaps
    (rules kana.identify.carries and kana.merge.fields)."""
    state.describe(
        left,
        name=left.name or gone.name,
        email=left.email or gone.email,
        billing_id=left.billing_id or gone.billing_id,
    )
    left.metadata = left.metadata or gone.metadata
    del state.users[gone.id]
    return _move(gone.id, left.id, state, rule)


def rename(
    user: User, id: str, state: State, rule: str = "kana.identify.overwrite"
) -> tuple[Effects, ...]:
    """Give a user an id that nobody has, and that the team knows it by."""
    old, user.id, user.identified = user.id, id, True
    state.users[id] = state.users.pop(old)
    return _move(old, id, state, rule)


def _move(old: str, new: str, state: State, rule: str) -> tuple[Effects, ...]:
    """Usage, unmapped events and subscriptions go with their user (rules kana.ledger.moves and
    kana.subscription.moves)."""
    for event in state.unmapped:
        if event.user == old:
            event.user = new
    for subscription in state.subscriptions.pop(old, ()):
        subscription.user = new
        state.subscriptions.setdefault(new, []).append(subscription)
    state.subscriptions.get(new, []).sort(key=lambda found: int(found.id))
    state.gone[old] = new
    moved = state.records.move(old, new)
    return (Effects("updated", moved, rule),) if moved else ()
