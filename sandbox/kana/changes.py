"""What publishing a configuration would change, change by change (rules kana.cli.*)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal

from sandbox.kana.catalogue import publish
from sandbox.kana.configuration import Configuration, FeatureEntry, PackageEntry, PartEntry
from sandbox.kana.packages import Package, Part
from sandbox.kana.state import Feature, State

__all__ = ["Change", "changes"]

Types = dict[str, Literal["BINARY", "CONSUMABLE"]]


@dataclass(frozen=True, slots=True)
class Change:
    """One line for the command line, and what publishing does of it, if anything. An ERROR is
    what Kana does not do, a WARNING what the document leaves out and Kana keeps."""

    text: str
    rule: str
    level: Literal["ERROR", "WARNING", "NONE"] = "NONE"
    apply: Callable[[], object] | None = None

    def __str__(self) -> str:
        return self.text if self.level == "NONE" else f"[{self.level}] {self.text}"


def changes(wanted: Configuration, state: State, now: datetime) -> list[Change]:
    """All of them, features first; none when the account is as the document says."""
    types: Types = {feature.id: feature.type for feature in state.features.values()}
    found = list(_features(wanted, types, state))
    seen: set[str] = set()
    for entry in wanted.packages:
        if entry.id in seen:
            found.append(_wrong(f"Package {entry.id!r} is there twice"))
        else:
            found += _package(entry, types, state, now)
        seen.add(entry.id)
    for package in state.packages.values():
        told_of = package.is_addon in wanted.kinds and package.status != "ARCHIVED"
        if told_of and package.id not in seen:
            found.append(_left(f"Package {package.id!r} is not in the file and stays"))
    return found


def _features(wanted: Configuration, types: Types, state: State) -> Iterator[Change]:
    seen: set[str] = set()
    for entry in wanted.features:
        if entry.id in seen:
            yield _wrong(f"Feature {entry.id!r} is there twice")
        else:
            yield from _feature(entry, types, state)
        seen.add(entry.id)
    for id in state.features:
        if id not in seen:
            yield _left(f"Feature {id!r} is not in the file and stays")


def _feature(entry: FeatureEntry, types: Types, state: State) -> Iterator[Change]:
    known = state.features.get(entry.id)
    if known is None:
        types[entry.id] = entry.type
        new = Feature(entry.id, entry.name, entry.type, metadata={})
        yield _right(f"Feature {entry.id!r} is new", partial(_keep_feature, new, state))
    elif known.type != entry.type:
        yield _wrong(f"Feature {entry.id!r} is {known.type} and cannot be {entry.type}")
    elif known.name != entry.name:
        changed = replace(known, name=entry.name)
        text = f"Feature {entry.id!r} is named {entry.name!r}"
        yield _right(text, partial(_keep_feature, changed, state))


def _package(entry: PackageEntry, types: Types, state: State, now: datetime) -> Iterator[Change]:
    known = state.packages.get(entry.id)
    why = _impossible(entry, known, types)
    if why:
        yield _wrong(f"Package {entry.id!r} {why}")
        return
    parts = {part.feature: _part(part, types, known) for part in entry.parts}
    new = known or Package(entry.id, entry.name, entry.is_addon, parts, now, metadata={})
    if (new.name, new.parts) != (entry.name, parts) and new.status == "PUBLISHED":
        yield _wrong(f"Package {entry.id!r} is published and cannot be changed")
        return
    text = "is new" if known is None else "is changed"
    if known is None or (known.name, known.parts) != (entry.name, parts):
        yield _right(f"Package {entry.id!r} {text}", partial(_keep, new, entry, parts, state, now))
    if entry.status != new.status:
        text = f"Package {entry.id!r} is published, which cannot be undone"
        yield _right(text, partial(publish, entry.id, state, now))


def _impossible(entry: PackageEntry, known: Package | None, types: Types) -> str:
    """Why a package cannot be as the document says; empty when it can."""
    ids = [part.feature for part in entry.parts]
    strangers = [id for id in ids if id not in types]
    if strangers:
        return f"has features that are unknown: {', '.join(map(repr, strangers))}"
    if len(ids) > len(set(ids)):
        return "has a feature twice"
    if known is None:
        return ""
    if known.is_addon is not entry.is_addon:
        return "is an add-on" if known.is_addon else "is a base package"
    if known.status == "ARCHIVED":
        return "is archived"
    turned = known.status == "PUBLISHED" and entry.status == "DRAFT"
    return "is published and cannot be a draft again" if turned else ""


def _part(entry: PartEntry, types: Types, known: Package | None) -> Part:
    """A package's feature; a reset period that is left open stays, or is a MONTH."""
    if types[entry.feature] == "BINARY":
        return Part(entry.feature)
    before = known.parts.get(entry.feature) if known is not None else None
    reset = entry.reset or (before.reset if before is not None else None) or "MONTH"
    return Part(entry.feature, reset, entry.limit, entry.overage)


def _keep_feature(feature: Feature, state: State) -> None:
    state.features[feature.id] = feature


def _keep(
    package: Package, entry: PackageEntry, parts: dict[str, Part], state: State, now: datetime
) -> None:
    package.name, package.parts, package.updated = entry.name, parts, now
    state.packages[package.id] = package


def _right(text: str, apply: Callable[[], object]) -> Change:
    return Change(text, "kana.cli.publish", apply=apply)


def _wrong(text: str) -> Change:
    return Change(text, "kana.cli.errors", "ERROR")


def _left(text: str) -> Change:
    return Change(text, "kana.cli.left-out", "WARNING")
