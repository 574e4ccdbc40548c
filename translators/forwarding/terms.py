"""How a forwarder works."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Terms"]


@dataclass(frozen=True)
class Terms:
    """`concurrency` requests at most are under way for one origin at one destination; `ordered`
    keeps the events of a customer in order; a `breaker` opens after so many tries in vain, and
    None never does."""

    concurrency: int = 8
    ordered: bool = False
    breaker: int | None = None
