"""The Admin API's operations, by the names of its schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contracts.model import Violation
from sandbox.kana import catalogue, recording, rules, shapes, subscriptions, tokens
from sandbox.kana.catalogue import feature_of, package_of
from sandbox.kana.merges import rename
from sandbox.kana.refusal import Refused, invalid
from sandbox.kana.state import Feature, State, Terms
from sandbox.kana.subscriptions import subscription_of, user_of
from sandbox.reply import Effects
from sandbox.room import Call

__all__ = ["Admin"]

Shape = dict[str, Any]
Given = Mapping[str, Any]
STATUSES = ("ARCHIVED", "DRAFT", "PUBLISHED", "ALL")
MOVED = 50_000
"""Usages, subscriptions and kept events that one document may go through to move or try them."""


class Admin:
    """One request's operations. What they do to usage is in `effects`, and what is to be said of
    it in `findings`. Each takes GraphQL's account of the field it resolves, and its arguments."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.state: State = call.account.state
        self.terms = Terms.of(call.account.settings)
        self.effects: list[Effects] = []
        self.findings: list[Violation] = []
        self.moved = 0
        self.recorded: set[str] = set()

    def root(self) -> Mapping[str, Callable[..., Any]]:
        """Every operation by its name."""
        return {
            "feature": self.feature,
            "features": self.features,
            "canUseFeature": self.can_use_feature,
            "showUsage": self.show_usage,
            "package": self.package,
            "packages": self.packages,
            "user": self.user,
            "users": self.users,
            "subscription": self.subscription,
            "subscriptions": self.subscriptions,
            "createFeature": self.create_feature,
            "updateFeature": self.update_feature,
            "createPackage": self.create_package,
            "updatePackage": self.update_package,
            "createUser": self.create_user,
            "updateUser": self.update_user,
            "subscribe": self.subscribe,
            "recordUsage": self.record_usage,
            "generateSubscriptionLink": self.generate_subscription_link,
            "generateUserToken": self.generate_user_token,
        }

    def feature(self, _: Any, id: str) -> Shape:
        return self._feature(feature_of(id, self.state, "id"))

    def features(self, _: Any) -> list[Shape]:
        return [self._feature(feature) for feature in self.state.features.values()]

    def _feature(self, of: Feature) -> Shape:
        return {
            **shapes.labelled(of),
            "packages": lambda _: [
                shapes.package(package, self.state)
                for package in self.state.packages.values()
                if of.id in package.parts
            ],
            "entitlement": lambda info, userId: self.can_use_feature(info, userId, of.id, 1),
        }

    def can_use_feature(
        self, _: Any, userId: str, featureId: str, delta: int | None = None
    ) -> Shape:
        """Whether recordUsage would record so much: the same verdict (rules kana.can-use and
        kana.can-use.recorded)."""
        user_of(userId, self.state)
        feature = feature_of(featureId, self.state)
        amount = 1 if delta is None else delta
        told, _verdict = shapes.access(
            userId, feature, amount, self.state, self.terms, self.call.now
        )
        return told

    def show_usage(self, _: Any, userId: str, featureId: str) -> Shape:
        user_of(userId, self.state)
        feature = feature_of(featureId, self.state)
        return shapes.usage(userId, feature, self.state, self.call.now)

    def package(self, _: Any, id: str) -> Shape:
        return shapes.package(package_of(id, self.state), self.state)

    def packages(self, _: Any, status: str | None = None) -> list[Shape]:
        """Those of a status, by default PUBLISHED ones (rule kana.package.list)."""
        wanted = "PUBLISHED" if status is None else status
        if wanted not in STATUSES:
            raise invalid(
                "The status of a package is ARCHIVED, DRAFT, PUBLISHED or ALL",
                "kana.package.list",
                "status",
                status,
            )
        return [
            shapes.package(package, self.state)
            for package in self.state.packages.values()
            if wanted in ("ALL", package.status)
        ]

    def user(self, _: Any, id: str) -> Shape:
        return shapes.user(user_of(id, self.state, "id"))

    def users(self, _: Any) -> list[Shape]:
        return [shapes.user(user) for user in self.state.oldest_first()]

    def subscription(self, _: Any, id: str) -> Shape:
        return shapes.subscription(subscription_of(id, self.state), self.state)

    def subscriptions(self, _: Any, userId: str | None = None) -> list[Shape]:
        """Everybody's, or those of one user, whatever their status."""
        if userId is None:
            found = self.state.every_subscription()
        else:
            user_of(userId, self.state)
            found = self.state.subscriptions.get(userId, [])
        return [shapes.subscription(one, self.state) for one in found]

    def _arrives(self, id: str, belongings: int = 0) -> None:
        """Refuses a new id that moves usage, or has it tried again, once the document did so with
        as much as it may; never the first (rule kana.graphql.bounds)."""
        tried = len(self.state.unmapped) if self.terms.retry == "any" else 0
        if belongings + tried and self.moved > MOVED:
            why = f"The document has moved or tried again more than {MOVED:,} usages"
            raise invalid(why, "kana.graphql.bounds", "input.id", id)
        self.moved += belongings + tried

    def create_feature(self, _: Any, input: Given) -> Shape:
        self._arrives(input["id"])
        feature = catalogue.create_feature(input, self.state)
        self.effects += rules.retry(self.state, self.terms, self.call.now)
        return self._feature(feature)

    def update_feature(self, _: Any, id: str, input: Given) -> Shape:
        return self._feature(catalogue.update_feature(id, input, self.state))

    def create_package(self, _: Any, input: Given) -> Shape:
        package = catalogue.create_package(input, self.state, self.call.now)
        return shapes.package(package, self.state)

    def update_package(self, _: Any, id: str, input: Given) -> Shape:
        package = catalogue.update_package(id, input, self.state, self.call.now)
        return shapes.package(package, self.state)

    def create_user(self, _: Any, input: Given) -> Shape:
        id = catalogue.new_id(input["id"], self.state.users, "user")
        self._arrives(id)
        user = self.state.add(id, origin="api")
        user.name, user.metadata = input.get("name"), input.get("metadata") or {}
        self.state.describe(user, email=input.get("email"), billing_id=input.get("billingId"))
        self.effects += rules.retry(self.state, self.terms, self.call.now)
        return shapes.user(user)

    def update_user(self, _: Any, id: str, input: Given) -> Shape:
        """Name, metadata and the id itself; nothing else can be updated (rule kana.user.update)."""
        user = user_of(id, self.state, "id")
        new = input.get("id")
        if new is not None and new != id:
            catalogue.new_id(new, self.state.users, "user", "input.id")
            self._arrives(new, self.state.belongings(id))
            self.effects += rename(user, new, self.state, "kana.user.rename")
            self.effects += rules.retry(self.state, self.terms, self.call.now)
        user.name = input.get("name", user.name)
        user.metadata = input.get("metadata", user.metadata)
        return shapes.user(user)

    def subscribe(self, _: Any, packageIds: list[str], userId: str) -> list[Shape]:
        made = subscriptions.subscribe(packageIds, userId, self.state, self.call.now)
        return [shapes.subscription(one, self.state) for one in made]

    def record_usage(self, info: Any, input: Given) -> Shape:
        self.recorded.add(str(info.path.key))
        id = self.call.account.id(prefix="usage-")
        done = recording.record_usage(input, id, self.state, self.terms, self.call.now)
        self.effects.append(done.effects)
        if done.no is None:
            return {"recorded": True, "reason": None}
        if isinstance(done.no, Refused):
            if self.call.setting("kana.record.unknown") == "error":
                raise done.no
            return self._unrecorded(info, done.no.argument, done.no.value, done.no)
        return self._unrecorded(
            info, "input.delta", input.get("delta"), Refused(done.no.reason, done.rule, "")
        )

    def _unrecorded(self, info: Any, at: str, value: Any, no: Refused) -> Shape:
        path = "".join(f".{key}" for key in info.path.as_list())
        self.findings.append(Violation(f"$.query{path}.{at}", no.message, value, no.rule))
        return {"recorded": False, "reason": no.message}

    def generate_subscription_link(
        self, _: Any, templateId: str, successUrl: str, cancelUrl: str, userId: str | None = None
    ) -> Shape:
        """A link to pay at, of a template that is (rule kana.link.template)."""
        if userId is not None:
            user_of(userId, self.state)
        if templateId not in self.state.templates:
            message, rule = "Billing template not found", "kana.link.template"
            raise Refused(message, rule, "templateId", templateId, "SubscriptionLinkError")
        live = self.call.account.key.startswith("prv_live_")
        session = self.call.account.id(32, "cs_live_" if live else "cs_test_")
        return {"url": f"https://checkout.stripe.com/pay/{session}"}

    def generate_user_token(self, _: Any, userId: str) -> Shape:
        user_of(userId, self.state)
        return {"token": tokens.issue(userId, self.call.account, self.call.now)}
