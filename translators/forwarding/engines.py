"""The outbox that a URL names."""

from __future__ import annotations

from pathlib import Path

from translators.forwarding.outbox import Outbox
from translators.forwarding.sqlite import SqliteOutbox

__all__ = ["open_outbox"]


def open_outbox(url: str) -> Outbox:
    """The outbox at `memory:`, at `sqlite:///path` or in a file. Raises OutboxFault."""
    if url == "memory:":
        return SqliteOutbox()
    return SqliteOutbox(Path(url.removeprefix("sqlite:///")))
