"""How a forwarder works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Mode", "Terms"]

Mode = Literal["send", "dead", "backfill"]
"""What is done with usage that is older than a vendor takes."""


@dataclass(frozen=True)
class Terms:
    """`concurrency` requests at most are under way for one origin at one destination; `ordered`
    keeps the events of a customer in order; a `breaker` opens after so many tries in vain, and
    None never does; what is older than a vendor takes is sent all the same, is dead before it is
    sent, or goes into a backfill, as `late` has it. `settings` are rule switches, by rule."""

    concurrency: int = 8
    ordered: bool = False
    breaker: int | None = None
    late: Mode = "send"
    settings: Mapping[str, Any] = field(default_factory=dict)
