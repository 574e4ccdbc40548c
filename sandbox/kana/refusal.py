"""How Kana's GraphQL refuses: typed errors, of which only three texts are published."""

from __future__ import annotations

from typing import Any

__all__ = [
    "UNAUTHENTICATED",
    "Refused",
    "invalid",
    "no_feature",
    "no_package",
    "no_subscription",
    "no_user",
    "unauthenticated",
]

UNAUTHENTICATED = "Unauthenticated"
"""What the message begins with when Kana does not know who asks."""


class Refused(Exception):
    """Something that Kana does not do. `name` is the error's type as its SDKs know it, `rule` the
    rule that says no, `argument` the argument that is to blame and `value` what it was."""

    def __init__(
        self, message: str, rule: str, argument: str, value: Any = None, name: str = "Error"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule
        self.argument = argument
        self.value = value
        self.name = name


def no_user(id: str, argument: str = "userId") -> Refused:
    return Refused("User not found", "kana.user.unknown", argument, id, "UserNotFoundError")


def no_feature(id: str, argument: str = "featureId") -> Refused:
    rule = "kana.feature.unknown"
    return Refused("Feature not found", rule, argument, id, "FeatureNotFoundError")


def no_package(id: str, argument: str = "id") -> Refused:
    rule = "kana.package.unknown"
    return Refused("Package not found", rule, argument, id, "PackageNotFoundError")


def no_subscription(id: str) -> Refused:
    rule = "kana.subscription.unknown"
    return Refused("Subscription not found", rule, "id", id, "SubscriptionNotFoundError")


def invalid(message: str, rule: str, argument: str, value: Any) -> Refused:
    """An argument of the right type that cannot be."""
    return Refused(message, rule, argument, value)


def unauthenticated(why: str, rule: str, value: Any = None) -> Refused:
    """Nobody that Kana knows asks."""
    message = f"{UNAUTHENTICATED}: {why}"
    return Refused(message, rule, "", value, "AuthenticationError")
