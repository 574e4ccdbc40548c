"""What Kana keeps of one account: users, features, packages, subscriptions, usage, mapping rules,
and events it has no use for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from contracts.model import Json
from sandbox.kana.packages import Package, Subscription
from sandbox.kana.records import Records

__all__ = ["Event", "Feature", "MappingRule", "Origin", "State", "Terms", "User"]

Origin = Literal["segment", "stripe", "csv", "api"]


@dataclass
class User:
    """A user, and where it came from first. `born` counts users as they were created.

    `identified` says that the id was given by the team; a Stripe import has its email there
    instead (rule kana.stripe.import).
    """

    id: str
    born: int
    origin: Origin
    identified: bool
    name: str | None = None
    email: str | None = None
    billing_id: str | None = None
    metadata: Json = field(default_factory=dict)

    def shown(self) -> dict[str, Json]:
        """The user as the dashboard lists it, under Kana's own field names."""
        return {
            "id": self.id,
            "billingId": self.billing_id,
            "name": self.name,
            "email": self.email,
            "origin": self.origin,
            "identified": self.identified,
        }


@dataclass(frozen=True, slots=True)
class Feature:
    id: str
    name: str
    type: Literal["BINARY", "CONSUMABLE"]
    unit_label: str | None = None
    unit_label_plural: str | None = None
    metadata: Json = None


@dataclass(frozen=True, slots=True)
class MappingRule:
    """Events of this name (None: any) with all these property values count for `feature`."""

    name: str
    feature: str
    event: str | None
    properties: tuple[tuple[str, str], ...]

    def shown(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "event": self.event,
            "properties": dict(self.properties),
            "featureId": self.feature,
        }


@dataclass
class Event:
    """A track event as Kana keeps it, received `at`. `user` changes when its user is merged
    or renamed; `kept` is the rule by which it could not be counted."""

    id: str
    user: str
    name: str | None
    properties: Mapping[str, Any]
    at: datetime
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """The account's settings that decisions ask for."""

    dedup: str
    unknown_user: str
    unknown_feature: str
    binary_feature: str
    rule_delta: str
    several_rules: str
    retry: str
    email_case: str
    has_email: str
    no_email_shared: str
    entitlement: str
    limit: str
    below_zero: str
    two_customers: str
    several_users: str
    merged_id: str
    deleted_usage: str

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Terms:
        return cls(
            dedup=settings["kana.event.dedup"],
            unknown_user=settings["kana.track.unknown-user"],
            unknown_feature=settings["kana.track.unknown-feature"],
            binary_feature=settings["kana.track.binary-feature"],
            rule_delta=settings["kana.rules.delta"],
            several_rules=settings["kana.rules.several"],
            retry=settings["kana.rules.retry"],
            email_case=settings["kana.identify.email-case"],
            has_email=settings["kana.identify.has-email"],
            no_email_shared=settings["kana.identify.no-email-shared"],
            entitlement=settings["kana.usage.entitlement"],
            limit=settings["kana.usage.limit"],
            below_zero=settings["kana.usage.below-zero"],
            two_customers=settings["kana.identify.two-customers"],
            several_users=settings["kana.stripe.several"],
            merged_id=settings["kana.merge.user-id"],
            deleted_usage=settings["kana.user.delete-usage"],
        )


Book = dict[str, dict[int, User]]
"""Users by a text that they were given once, in one case, and by when they were born."""


@dataclass
class State:
    """Everything of one account, each thing by its id; `subscriptions` by user, oldest first.

    `records` is the usage recorded so far. Whoever is in it, or has a subscription, is in `users`.
    `heard` is when the last event was taken, `seen` are the messageIds of all, and `names` what
    else the ledger calls usage by. `due` is when kept events are tried again, and
    `gone` tells what id a user has that had another. `emails` and `billing_ids` are who
    was ever given one: see `describe`.
    """

    users: dict[str, User] = field(default_factory=dict)
    features: dict[str, Feature] = field(default_factory=dict)
    packages: dict[str, Package] = field(default_factory=dict)
    subscriptions: dict[str, list[Subscription]] = field(default_factory=dict)
    rules: dict[str, MappingRule] = field(default_factory=dict)
    unmapped: list[Event] = field(default_factory=list)
    records: Records = field(default_factory=Records)
    seen: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    emails: Book = field(default_factory=dict)
    billing_ids: Book = field(default_factory=dict)
    templates: set[str] = field(default_factory=set)
    born: int = 0
    subscribed: int = 0
    heard: datetime | None = None
    due: list[datetime] = field(default_factory=list)
    gone: dict[str, str] = field(default_factory=dict)

    def add(self, id: str, *, origin: Origin, identified: bool = True) -> User:
        """A new user, younger than all others."""
        self.born += 1
        user = User(id, self.born, origin, identified)
        self.users[id] = user
        return user

    def free(self, name: str) -> str:
        """The name, or one like it that the ledger calls nothing else by."""
        while name in self.seen or name in self.names:
            name += "+"
        return name

    def take(self, message_id: str, name: str) -> None:
        """Remember an event by its messageId, if any, and by what the ledger calls it."""
        if message_id:
            self.seen.add(message_id)
        if name != message_id:
            self.names.add(name)

    def describe(
        self,
        user: User,
        *,
        name: str | None = None,
        email: str | None = None,
        billing_id: str | None = None,
    ) -> None:
        """Write into a user what is told of it; what is not told, or empty, stays. Nothing else
        writes a user's email or billingId: they are how it is found."""
        user.name = name or user.name
        for book, key, value in (
            (self.emails, "email", email),
            (self.billing_ids, "billing_id", billing_id),
        ):
            if value and value != getattr(user, key):
                setattr(user, key, value)
                book.setdefault(value.casefold(), {})[user.born] = user

    def with_email(self, email: str) -> list[User]:
        """Users with this email in any case, oldest first."""
        key = email.casefold()
        return self._found(self.emails, key, lambda user: (user.email or "").casefold() == key)

    def with_billing_id(self, billing_id: str) -> list[User]:
        """Users with exactly this billingId, oldest first."""
        key = billing_id.casefold()
        return self._found(self.billing_ids, key, lambda user: user.billing_id == billing_id)

    def _found(self, book: Book, key: str, fits: Callable[[User], bool]) -> list[User]:
        """Who is in the book under this key, is still there and still fits."""
        listed = [user for _, user in sorted(book.get(key, {}).items())]
        return [user for user in listed if self.users.get(user.id) is user and fits(user)]

    def successor(self, id: str) -> str | None:
        """The id of the user who had this one before; None where there is no such user."""
        passed = set()
        while id in self.gone and id not in self.users and id not in passed:
            passed.add(id)
            id = self.gone[id]
        return id if passed and id in self.users else None

    def belongings(self, user: str) -> int:
        """How many usages and subscriptions would go with a user."""
        return self.records.count(user) + len(self.subscriptions.get(user, ()))

    def oldest_first(self) -> list[User]:
        return sorted(self.users.values(), key=lambda user: user.born)

    def every_subscription(self) -> list[Subscription]:
        """All subscriptions, in the order they were made."""
        every = [found for of_user in self.subscriptions.values() for found in of_user]
        return sorted(every, key=lambda found: int(found.id))
