"""What an account's clock would bring about if it were turned: tried out where nobody sees it.

The account is brought back from its own journal, as from a snapshot, and its time goes by there.
What other programs would do then, and when a rule's window ends, is read from the account itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from contracts.model import MeterboxError
from sandbox.account import Account
from sandbox.acts import clock_state
from sandbox.ledger import Total
from sandbox.snapshot import twin
from sandbox.switchboard import Switchboard

__all__ = ["Change", "Due", "Foresight", "TooLong", "Window", "foresee"]

MOST = 2_000
"""Exchanges of an account that are done again for a trial: more would hold up everybody."""
ROWS = 1_000

Pending = Callable[[Account], Iterator[datetime]]


class TooLong(MeterboxError):
    """The account has seen too much to be tried out."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"A trial does all of an account again, and this one has seen {count:,} exchanges; "
            f"at most {MOST:,} are tried."
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A row of a shelf that would be new, gone or otherwise."""

    shelf: str
    name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Due:
    """Something that falls due on the way, by what is known of it now."""

    what: str
    count: int
    first: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """A length of time that a rule speaks of: what it reaches back to now and would then."""

    rule: str
    length: timedelta
    now: datetime
    then: datetime


@dataclass(frozen=True, slots=True)
class Foresight:
    """What would happen from `now` until `then`.

    `outcomes` are new entries of the ledger by outcome and rule, `totals` what would be billed
    before and after by customer and meter, `webhooks` messages by type. `different` counts
    answers that the trial gave otherwise than they were given: then it is a guess.
    """

    now: datetime
    then: datetime
    outcomes: Mapping[tuple[str, str | None], int]
    totals: Mapping[tuple[str | None, str | None], tuple[Any, Any]]
    changes: list[Change]
    webhooks: Mapping[str, int]
    due: list[Due] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    different: int = 0


def foresee(
    account: Account, turn: Mapping[str, Any], board: Switchboard, pending: Pending | None = None
) -> Foresight:
    """What turning the clock so, as the control API takes it, would bring about; nothing changes.

    `pending` tells when deliveries of the account are tried next. Raises UnknownSetting, BadValue,
    TooLong, Dropped or BadSnapshot.
    """
    state = clock_state(account, turn)
    count = account.journal.next - 1 - account.journal.dropped
    if count > MOST:
        raise TooLong(count)
    other, done = twin(account, board)
    now = other.clock.now()
    other.collect(None, now)
    before = _look(other, now)
    other.clock.state = state
    then = other.clock.now()
    other.collect(None, then)
    after = _look(other, then)
    return Foresight(
        now,
        then,
        Counter(islice(_entries(other), before.entries, None)),
        _differing(before.totals, after.totals),
        list(_changes(before.shelves, after.shelves)),
        Counter(one.message.type for one in other.webhooks.deliveries if one.number > before.told),
        list(_due(account, now, then, pending)),
        _windows(account, now, then),
        done.different,
    )


@dataclass(frozen=True, slots=True)
class _Looked:
    """How things stand: how many entries and messages there are, what is billed and listed."""

    entries: int
    told: int
    totals: Mapping[tuple[str | None, str | None], Any]
    shelves: Mapping[str, Mapping[str, Mapping[str, Any]]]


def _look(of: Account, now: datetime) -> _Looked:
    shelves = {
        shelf.name: {str(next(iter(row.values()), "")): row for row in islice(shelf.rows, ROWS)}
        for shelf in of.room.shelves(of, now)
    }
    entries = sum(1 for _ in of.ledger.entries())
    return _Looked(entries, of.webhooks.count, _sums(of.ledger.totals()), shelves)


def _sums(totals: list[Total]) -> dict[tuple[str | None, str | None], Any]:
    return {(total.customer, total.meter): total.quantity for total in totals}


def _entries(of: Account) -> Iterator[tuple[str, str | None]]:
    return ((entry.outcome, entry.rule) for entry in of.ledger.entries())


def _differing(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> dict[Any, tuple[Any, Any]]:
    places = dict.fromkeys([*before, *after])
    found = {place: (before.get(place, 0), after.get(place, 0)) for place in places}
    return {place: pair for place, pair in found.items() if pair[0] != pair[1]}


def _changes(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> Iterator[Change]:
    for shelf, rows in after.items():
        was = before.get(shelf, {})
        for name in dict.fromkeys([*was, *rows]):
            if was.get(name) != rows.get(name):
                yield Change(shelf, name, was.get(name), rows.get(name))


def _due(account: Account, now: datetime, then: datetime, pending: Pending | None) -> Iterator[Due]:
    """What is known to happen on the way: of faults, of webhooks and of what is forwarded."""
    found = {
        "fault begins": [at for at, _ in account.faults.spans() if at is not None],
        "fault ends": [at for _, at in account.faults.spans() if at is not None],
        "webhook is tried again": list(_retries(account)),
        "delivery is tried again": list(pending(account)) if pending is not None else [],
    }
    for what, times in found.items():
        due = [at for at in times if now < at <= then]
        if due:
            yield Due(what, len(due), min(due))


def _retries(account: Account) -> Iterator[datetime]:
    """When webhooks that failed are sent again."""
    post = account.room.webhooks
    if post is None:
        return
    waits = post.waits(account.settings)
    for one in account.webhooks.deliveries:
        if one.outcome == "pending" and 0 < len(one.attempts) <= len(waits):
            yield one.attempts[-1].at + waits[len(one.attempts) - 1]


def _windows(account: Account, now: datetime, then: datetime) -> list[Window]:
    """The lengths of time among the account's settings."""
    return [
        Window(rule, length, now - length, then - length)
        for rule, length in account.settings.items()
        if isinstance(length, timedelta) and length
    ]
