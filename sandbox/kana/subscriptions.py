"""Subscribing users to packages: one base package, and add-ons beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sandbox.kana.packages import Package, Subscription
from sandbox.kana.refusal import Refused, no_subscription, no_user
from sandbox.kana.state import State, User

__all__ = ["subscribe", "subscription_of", "user_of"]

# Kana's own words, to the letter (rules kana.subscribe.*).
NO_PACKAGE = "Package Id not found for app"
MANY_TIERS = "Cannot subscribe to multiple tiers"
NO_TIER = "Cannot subscribe to addon. Missing live tier subscription."


def user_of(id: str, state: State, argument: str = "userId") -> User:
    """The user of that id. Raises Refused."""
    if id not in state.users:
        raise no_user(id, argument)
    return state.users[id]


def subscription_of(id: str, state: State) -> Subscription:
    """The subscription of that id. Raises Refused."""
    for of_user in state.subscriptions.values():
        for found in of_user:
            if found.id == id:
                return found
    raise no_subscription(id)


def subscribe(ids: Sequence[str], user: str, state: State, now: datetime) -> list[Subscription]:
    """Subscribe a user to these packages, or to none of them. Raises Refused."""
    user_of(user, state)
    wanted = [_published(id, n, state) for n, id in enumerate(ids)]
    packages = list({package.id: package for package in wanted}.values())
    bases = sum(not package.is_addon for package in packages) + _live_bases(user, state)
    if bases > 1 and not all(package.is_addon for package in packages):
        raise _refused(MANY_TIERS, "kana.subscribe.one-base", ids)
    if bases == 0 and packages:
        raise _refused(NO_TIER, "kana.subscribe.addon", ids)
    return [_made(package, user, state, now) for package in packages]


def _published(id: str, n: int, state: State) -> Package:
    package = state.packages.get(id)
    if package is None or package.status != "PUBLISHED":
        name, at = "PackageNotFoundError", f"packageIds[{n}]"
        raise Refused(NO_PACKAGE, "kana.subscribe.package", at, id, name)
    return package


def _live_bases(user: str, state: State) -> int:
    return sum(
        found.entitles and not state.packages[found.package].is_addon
        for found in state.subscriptions.get(user, ())
    )


def _refused(message: str, rule: str, ids: Sequence[str]) -> Refused:
    return Refused(message, rule, "packageIds", list(ids), "SubscriptionError")


def _made(package: Package, user: str, state: State, now: datetime) -> Subscription:
    state.subscribed += 1
    subscription = Subscription(str(state.subscribed), user, package.id, now)
    state.subscriptions.setdefault(user, []).append(subscription)
    return subscription
