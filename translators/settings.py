"""A destination's settings as typed objects, under Segment's own setting names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from importlib import import_module
from typing import Any, TypeVar

from contracts.model import MeterboxError, UnknownSetting

__all__ = ["SettingsFault", "missing", "read"]

Settings = TypeVar("Settings")


class SettingsFault(MeterboxError):
    """A destination's settings cannot be used; `name` is the setting."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name


def read(vendor: str, given: Mapping[str, Any]) -> Any:
    """The settings of a vendor's destination. Raises UnknownSetting or SettingsFault."""
    return _filled(import_module(f"translators.{vendor}.settings").Settings, given)


def missing(vendor: str, given: Mapping[str, Any]) -> list[str]:
    """Settings that a vendor's destination cannot do without and that were not given."""
    return _missing(import_module(f"translators.{vendor}.settings").Settings, given)


def _missing(cls: type[Any], given: Mapping[str, Any]) -> list[str]:
    return [
        field.name
        for field in fields(cls)
        if field.default is MISSING and field.default_factory is MISSING and field.name not in given
    ]


def _filled(cls: type[Settings], given: Mapping[str, Any]) -> Settings:
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]  # a dataclass, by the room's shape
    for name in given:
        if name not in known:
            raise UnknownSetting(name, known=list(known))
    for name in _missing(cls, given):
        raise SettingsFault(name, "is required")
    return cls(**given)
