"""Features and packages as a team declares them: by the Admin API, and packages are published and
archived on the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sandbox.kana.packages import Package, Part
from sandbox.kana.refusal import Refused, invalid, no_feature, no_package
from sandbox.kana.state import Feature, State

__all__ = [
    "archive",
    "create_feature",
    "create_package",
    "feature_of",
    "new_id",
    "package_of",
    "publish",
    "update_feature",
    "update_package",
]

Given = Mapping[str, Any]
LABELS = {"unitLabel": "unit_label", "unitLabelPlural": "unit_label_plural"}


def feature_of(id: str, state: State, argument: str = "featureId") -> Feature:
    """The feature of that id. Raises Refused."""
    if id not in state.features:
        raise no_feature(id, argument)
    return state.features[id]


def package_of(id: str, state: State) -> Package:
    """The package of that id. Raises Refused."""
    if id not in state.packages:
        raise no_package(id)
    return state.packages[id]


def create_feature(given: Given, state: State) -> Feature:
    """A new feature; without a name it is called by its id (rule kana.create.name)."""
    id = new_id(given["id"], state.features, "feature")
    labels = {ours: given.get(theirs) for theirs, ours in LABELS.items()}
    feature = Feature(
        id, _named(given), given["type"], metadata=given.get("metadata") or {}, **labels
    )
    state.features[id] = feature
    return feature


def update_feature(id: str, given: Given, state: State) -> Feature:
    """The feature with what is given; what is absent stays (rule kana.feature.update)."""
    feature = feature_of(id, state, "id")
    changed = {LABELS.get(key, key): value for key, value in given.items()}
    if changed.get("name", "") is None:
        del changed["name"]  # a name is never null
    state.features[id] = replace(feature, **changed)
    return state.features[id]


def create_package(given: Given, state: State, now: datetime) -> Package:
    """A new package, which is a DRAFT (rule kana.package.draft)."""
    id = new_id(given["id"], state.packages, "package")
    parts: dict[str, Part] = {}
    for n, one in enumerate(given["features"]):
        if one["id"] in parts:
            why = "A feature can be in a package once"
            raise invalid(why, "kana.package.features", f"input.features[{n}].id", one["id"])
        parts[one["id"]] = _part(one, f"input.features[{n}]", state)
    addon = bool(given.get("isAddon"))
    package = Package(id, _named(given), addon, parts, now, metadata=given.get("metadata") or {})
    state.packages[id] = package
    return package


def _part(given: Given, at: str, state: State) -> Part:
    """A feature of a package: an entitlement goes with CONSUMABLE ones, and with those always
    (rule kana.package.entitlement)."""
    feature = feature_of(given["id"], state, f"{at}.id")
    entitlement = given.get("entitlement")
    if (entitlement is not None) is not (feature.type == "CONSUMABLE"):
        why = "An entitlement is for CONSUMABLE features, which need one"
        raise invalid(why, "kana.package.entitlement", f"{at}.entitlement", entitlement)
    if entitlement is None:
        return Part(feature.id)
    limit = entitlement.get("limit")
    if limit is not None and limit < 0:
        why = "A limit is not negative"
        raise invalid(why, "kana.package.entitlement", f"{at}.entitlement.limit", limit)
    overage = bool(entitlement.get("overageEnabled"))
    return Part(feature.id, entitlement["resetPeriod"], limit, overage)


def update_package(id: str, given: Given, state: State, now: datetime) -> Package:
    """The package with other metadata, published or not (rule kana.package.update)."""
    package = package_of(id, state)
    if "metadata" in given:
        package.metadata, package.updated = given["metadata"], now
    return package


def publish(id: str, state: State, now: datetime) -> Package:
    """Only a draft is published, and that for good (rule kana.package.publish)."""
    return _turn(id, "PUBLISHED", ("DRAFT",), state, now)


def archive(id: str, state: State, now: datetime) -> Package:
    """Nobody subscribes to it any more; who has, keeps it (rule kana.package.archive)."""
    return _turn(id, "ARCHIVED", ("DRAFT", "PUBLISHED"), state, now)


def _turn(id: str, status: Any, of: tuple[str, ...], state: State, now: datetime) -> Package:
    package = package_of(id, state)
    if package.status not in of:
        why = f"A package that is {package.status} cannot be {status}"
        raise Refused(why, "kana.package.publish", "id", id)
    package.status, package.updated = status, now
    return package


def new_id(id: str, known: Mapping[str, Any], what: str, argument: str = "input.id") -> str:
    """An id that nothing of its kind has. Raises Refused."""
    if not id:
        raise invalid(f"The id of a {what} is empty", "kana.create.empty-id", argument, id)
    if id in known:
        raise invalid(f"A {what} with this id exists", "kana.create.duplicate", argument, id)
    return id


def _named(given: Given) -> str:
    return given["id"] if given.get("name") is None else str(given["name"])
