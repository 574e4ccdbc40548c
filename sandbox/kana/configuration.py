"""An account's features and packages as one document, which Kana's command line pulls and
publishes (rules kana.cli.*)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from contracts.model import Json
from sandbox.kana.packages import Package
from sandbox.kana.periods import Reset
from sandbox.kana.state import State

__all__ = ["Configuration", "FeatureEntry", "PackageEntry", "PartEntry", "read", "written"]

VERSION = "1.0.0"
"""Of the document; Kana's documentation calls it not functional."""
Status = Literal["DRAFT", "PUBLISHED"]
SECTIONS: tuple[tuple[str, Status], ...] = (("draft", "DRAFT"), ("published", "PUBLISHED"))


@dataclass(frozen=True, slots=True)
class FeatureEntry:
    id: str
    name: str
    type: Literal["BINARY", "CONSUMABLE"]


@dataclass(frozen=True, slots=True)
class PartEntry:
    """A feature of a package. No `limit` is an unlimited one; `reset` may be left open."""

    feature: str
    limit: int | None
    overage: bool
    reset: Reset | None


@dataclass(frozen=True, slots=True)
class PackageEntry:
    id: str
    name: str
    is_addon: bool
    status: Status
    parts: tuple[PartEntry, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """`kinds` tells of which kinds of package the document speaks: add-ons (True), base packages
    (False), or both. What it does not speak of stays as it is."""

    features: tuple[FeatureEntry, ...]
    packages: tuple[PackageEntry, ...]
    kinds: frozenset[bool]


def read(body: Mapping[str, Any]) -> Configuration:
    """A document that conforms to its schema."""
    features = tuple(FeatureEntry(one["id"], one["name"], one["type"]) for one in body["features"])
    packages: list[PackageEntry] = []
    kinds = set()
    for key, is_addon in (("packages", False), ("addons", True)):
        if body.get(key) is not None:
            kinds.add(is_addon)
            packages += _packages(body[key], is_addon)
    return Configuration(features, tuple(packages), frozenset(kinds))


def _packages(given: Mapping[str, Any], is_addon: bool) -> list[PackageEntry]:
    return [
        PackageEntry(one["id"], one["name"], is_addon, status, _parts(one["features"]))
        for section, status in SECTIONS
        for one in given.get(section) or ()
    ]


def _parts(given: Sequence[Mapping[str, Any]]) -> tuple[PartEntry, ...]:
    return tuple(
        PartEntry(
            one["id"],
            one.get("limit"),
            bool(one.get("overage_enabled")),
            one.get("reset_period"),
        )
        for one in given
    )


def written(state: State, app: str) -> Json:
    """The account as such a document; an archived package is not in it."""
    return {
        "app": app,
        "version": VERSION,
        "features": [
            {"id": one.id, "name": one.name, "type": one.type} for one in state.features.values()
        ],
        "packages": _section(state, is_addon=False),
        "addons": _section(state, is_addon=True),
    }


def _section(state: State, *, is_addon: bool) -> Json:
    packages = [one for one in state.packages.values() if one.is_addon is is_addon]
    return {
        section: [_written(package) for package in packages if package.status == status]
        for section, status in SECTIONS
    }


def _written(package: Package) -> dict[str, Json]:
    parts: list[Json] = []
    for part in package.parts.values():
        told = {"id": part.feature, "limit": part.limit, "overage_enabled": part.overage}
        parts.append({**told, "reset_period": part.reset} if part.reset else {"id": part.feature})
    entry = {"id": package.id, "name": package.name, "features": parts}
    return {**entry, "base_packages": []} if package.is_addon else entry
