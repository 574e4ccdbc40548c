"""What users subscribe to: packages of features, and subscriptions of users to packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from contracts.model import Json
from sandbox.kana.periods import Reset

__all__ = [
    "ENTITLING",
    "STATUSES",
    "Package",
    "Part",
    "Price",
    "Status",
    "Subscription",
]

Status = Literal[
    "ACTIVE", "TRIALING", "CANCELLED", "PAST_DUE", "UNPAID", "INCOMPLETE", "INCOMPLETE_EXPIRED"
]
STATUSES: tuple[Status, ...] = get_args(Status)
ENTITLING = frozenset({"ACTIVE", "TRIALING"})
"""The subscriptions that entitle (rule kana.entitlement.status)."""


@dataclass(frozen=True, slots=True)
class Part:
    """One feature as a package has it. Of a CONSUMABLE feature `reset` is always told, and no
    `limit` is an unlimited one; a BINARY feature has neither."""

    feature: str
    reset: Reset | None = None
    limit: int | None = None
    overage: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """What the billing provider asks for a package; `amount` is in the currency's smallest unit."""

    id: str
    provider: str
    amount: int
    display_amount: str
    currency: str
    interval: str | None


@dataclass
class Package:
    """A package; one that is no add-on is a base package, of which a user has one.

    `parts` are its features by id.
    """

    id: str
    name: str
    is_addon: bool
    parts: Mapping[str, Part]
    updated: datetime
    status: Literal["DRAFT", "PUBLISHED", "ARCHIVED"] = "DRAFT"
    metadata: Json = None
    prices: tuple[Price, ...] = ()

    def shown(self) -> dict[str, Json]:
        """The package as the dashboard lists it."""
        parts = [
            {
                "id": part.feature,
                "limit": part.limit,
                "resetPeriod": part.reset,
                "overageEnabled": part.overage,
            }
            for part in self.parts.values()
        ]
        told = {"id": self.id, "name": self.name, "isAddon": self.is_addon, "status": self.status}
        return {**told, "features": parts}


@dataclass
class Subscription:
    """A user's subscription. `since` is where its reset periods are counted from."""

    id: str
    user: str
    package: str
    since: datetime
    status: Status = "ACTIVE"

    @property
    def entitles(self) -> bool:
        return self.status in ENTITLING

    def shown(self) -> dict[str, Json]:
        told = {"id": self.id, "userId": self.user, "packageId": self.package}
        return {**told, "status": self.status}
