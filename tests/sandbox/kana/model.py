"""What Kana's entitlements should come to, worked out as simply as can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

__all__ = ["BINARY", "MICROSECOND", "PACKAGES", "Model", "Part", "Subscription"]

MICROSECOND = timedelta(microseconds=1)
BINARY = "sso"


@dataclass(frozen=True)
class Part:
    """A feature of a package; the BINARY one has no reset."""

    limit: int | None = None
    reset: str | None = None
    overage: bool = False


PACKAGES: dict[str, tuple[bool, dict[str, Part]]] = {
    "free": (False, {"messages": Part(3, "DAY"), BINARY: Part()}),
    "pro": (False, {"messages": Part(8, "MONTH"), "calls": Part(5, "YEAR", True)}),
    "max": (False, {"messages": Part(None, "MONTH"), "calls": Part(5, "MONTH")}),
    "more": (True, {"messages": Part(6, "MONTH"), BINARY: Part()}),
    "extra": (True, {"messages": Part(8, "DAY", True), "calls": Part(9, "YEAR")}),
}


@dataclass
class Subscription:
    user: str
    package: str
    since: datetime
    status: str = "ACTIVE"


@dataclass
class Usage:
    user: str
    feature: str
    at: datetime
    amount: int


@dataclass
class Model:
    """Lists of what happened; every question reads them from the beginning."""

    users: set[str] = field(default_factory=set)
    subscriptions: list[Subscription] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)

    def subscribe(self, user: str, ids: list[str], now: datetime) -> str | None:
        """Kana's error, or None when the subscriptions were made."""
        if any(id not in PACKAGES for id in ids):
            return "Package Id not found for app"
        wanted = sorted(set(ids), key=ids.index)
        new = [id for id in wanted if not PACKAGES[id][0]]
        live = [s for s in self.live(user) if not PACKAGES[s.package][0]]
        if new and len(new) + len(live) > 1:
            return "Cannot subscribe to multiple tiers"
        if wanted and not new and not live:
            return "Cannot subscribe to addon. Missing live tier subscription."
        self.subscriptions += [Subscription(user, id, now) for id in wanted]
        return None

    def live(self, user: str) -> list[Subscription]:
        return [s for s in self.subscriptions if s.user == user and self.entitles(s)]

    def entitles(self, subscription: Subscription) -> bool:
        return subscription.status in ("ACTIVE", "TRIALING")

    def best(self, user: str, feature: str) -> tuple[Subscription, Part] | None:
        """The highest limit, and of equal ones the oldest."""
        found: tuple[Subscription, Part] | None = None
        for subscription in self.live(user):
            part = PACKAGES[subscription.package][1].get(feature)
            if part is not None and (found is None or self.higher(part, found[1])):
                found = subscription, part
        return found

    def higher(self, one: Part, other: Part) -> bool:
        if other.limit is None:
            return False
        return one.limit is None or one.limit > other.limit

    def period(self, since: datetime, reset: str, now: datetime) -> tuple[datetime, datetime]:
        """Walks from the subscription to the period that is."""
        if reset == "DAY":
            day = since + timedelta(days=(now - since).days)
            return day, day + timedelta(days=1)
        start = since
        for n in range(1, 10_000):
            end = self.after(since, reset, n)
            if now < end:
                return start, end
            start = end
        raise AssertionError("the model's clock is too far")

    def after(self, since: datetime, reset: str, n: int) -> datetime:
        """So many months or years later, on the last day there is if it lacks the day."""
        years, months = (n, 0) if reset == "YEAR" else divmod(since.month - 1 + n, 12)
        month = since.month if reset == "YEAR" else months + 1
        for day in range(since.day, 0, -1):
            try:
                return since.replace(year=since.year + years, month=month, day=day)
            except ValueError:
                continue
        raise AssertionError("every month has a day")

    def used(self, user: str, feature: str, now: datetime) -> int:
        best = self.best(user, feature)
        if best is None or best[1].reset is None:
            return 0
        start, _ = self.period(best[0].since, best[1].reset, now)
        return sum(u.amount for u in self.usages_of(user, feature) if start <= u.at)

    def past(self, user: str, feature: str, now: datetime) -> list[tuple[datetime, datetime, int]]:
        """The periods of the subscription that counts which are over and had usage."""
        best = self.best(user, feature)
        if best is None or best[1].reset is None:
            return []
        since, reset = best[0].since, best[1].reset
        sums: dict[tuple[datetime, datetime], int] = {}
        for usage in self.usages_of(user, feature):
            if usage.at >= since:
                span = self.period(since, reset, usage.at)
                sums[span] = sums.get(span, 0) + usage.amount
        return sorted((start, end, used) for (start, end), used in sums.items() if end <= now)

    def usages_of(self, user: str, feature: str) -> list[Usage]:
        return [u for u in self.usages if (u.user, u.feature) == (user, feature)]

    def access(self, user: str, feature: str, amount: int, now: datetime) -> bool:
        best = self.best(user, feature)
        if best is None:
            return False
        limit = best[1].limit
        if limit is None or best[1].overage or amount <= 0 or feature == BINARY:
            return True
        return self.used(user, feature, now) + amount <= limit

    def record(self, user: str, feature: str, delta: int, now: datetime, *, sets: bool) -> bool:
        amount = delta - self.used(user, feature, now) if sets else delta
        if feature == BINARY or not self.access(user, feature, amount, now):
            return False
        self.usages.append(Usage(user, feature, now, amount))
        return True

    def rename(self, old: str, new: str) -> None:
        self.users = {new if user == old else user for user in self.users}
        for subscription in self.subscriptions:
            subscription.user = new if subscription.user == old else subscription.user
        for usage in self.usages:
            usage.user = new if usage.user == old else usage.user

    def billed(self) -> dict[tuple[str, str], int]:
        totals: dict[tuple[str, str], int] = {}
        for usage in self.usages:
            place = usage.user, usage.feature
            totals[place] = totals.get(place, 0) + usage.amount
        return totals
