"""What the commands share that look into an outbox beside its forwarder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from contracts import durations
from contracts.model import BadValue

if TYPE_CHECKING:
    from translators.forwarding.letters import Letters

__all__ = ["OUTBOX", "ago", "counted", "opened", "outbox", "time"]

OUTBOX = "meterbox-outbox.sqlite3"


def outbox(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option that says which outbox."""
    return click.option(
        "--outbox",
        "url",
        default=OUTBOX,
        metavar="URL",
        show_default=True,
        help="A SQLite file, or postgresql://...",
    )(command)


@contextmanager
def opened(url: str) -> Iterator[Letters]:
    """What is settled in an outbox. Raises OutboxFault."""
    from translators.forwarding.engines import open_letters

    letters = open_letters(url)
    try:
        yield letters
    finally:
        letters.close()


def time(option: str, given: str, now: datetime) -> datetime:
    """`2026-11-21T12:00:00Z`, or `2h`, which is two hours before `now`. Raises BadValue."""
    try:
        return now - durations.parse(given)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadValue(option, given, "a time with its offset, as 2026-11-21T12:00:00Z, or 2h ago")
    return at


def ago(option: str, given: str) -> timedelta:
    """A length of time such as `30d`. Raises BadValue."""
    try:
        return durations.parse(given)
    except ValueError:
        raise BadValue(option, given, "a length of time such as 30d or 12h") from None


def counted(count: int) -> str:
    """`1 delivery` or `2,000 deliveries`."""
    return "1 delivery" if count == 1 else f"{count:,} deliveries"
