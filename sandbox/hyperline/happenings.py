"""What happened on an account that Hyperline tells webhook endpoints of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = ["Happening", "Sent"]


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing to tell: `type` is Hyperline's name of it (`customer.created`), `data` what it
    happened to, as Hyperline shows it then."""

    type: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """A happening as it was told: the message's id, and that of the occurrence."""

    id: str
    event_id: str
    happening: Happening
