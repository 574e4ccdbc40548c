"""Finds the outbox that a URL names."""

from __future__ import annotations

from pathlib import Path

from translators.forwarding.letters import Letters
from translators.forwarding.outbox import Outbox, OutboxFault
from translators.forwarding.sqlite import SqliteOutbox

__all__ = ["open_letters", "open_outbox"]

MEMORY, FILE = "memory:", "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")


def open_outbox(url: str) -> Outbox:
    """`sqlite:///PATH` or a path, `postgresql://...`, or `memory:`.

    Raises OutboxFault, which never shows a password. A database is connected to at its first use.
    """
    if url == MEMORY:
        return SqliteOutbox()
    if not url.startswith(POSTGRES):
        return SqliteOutbox(_file(url))
    try:
        from translators.forwarding.postgres import PostgresOutbox
    except ImportError as missing:
        raise _unavailable() from missing
    return PostgresOutbox(url)


def open_letters(url: str) -> Letters:
    """What is settled in the outbox that a URL names, beside the forwarders that it has.

    Raises OutboxFault, which never shows a password, also when there is no outbox.
    """
    if url == MEMORY:
        raise OutboxFault("An outbox in memory is nobody's but its forwarder's.")
    if not url.startswith(POSTGRES):
        from translators.forwarding.sqliteletters import SqliteLetters

        return SqliteLetters(_file(url))
    try:
        from translators.forwarding.pgletters import PostgresLetters
    except ImportError as missing:
        raise _unavailable() from missing
    return PostgresLetters(url)


def _file(url: str) -> Path:
    """The file of an outbox in SQLite. Raises OutboxFault for a URL that names none."""
    path = url.removeprefix(FILE)
    scheme, found, _ = path.partition("://")
    if found or not path:
        said = f"{scheme}://..." if found else repr(url)
        raise OutboxFault(
            f"No outbox can be at {said}. It is a file, sqlite:///FILE or postgresql://..."
        )
    return Path(path)


def _unavailable() -> OutboxFault:
    """What to say where there is no driver for PostgreSQL."""
    return OutboxFault("An outbox in PostgreSQL needs psycopg: pip install 'meterbox[postgres]'.")
