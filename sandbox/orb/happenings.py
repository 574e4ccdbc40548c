"""What happened on an account that Orb tells webhook endpoints of, in the order it happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["Happening"]


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing to tell.

    `type` is Orb's name of it (`backfill.reflected`), `resource` what it happened to, as Orb
    shows it then, and `properties` what else Orb says of it.
    """

    type: str
    at: datetime
    resource: Mapping[str, Any] | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
