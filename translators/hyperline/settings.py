"""The settings of Segment's function for Hyperline (rule hyperline.segment.settings)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from translators.settings import SettingsFault

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """`recordProperties` maps a Segment property to the key it gets in Hyperline's record.

    It stands for what a team writes into the function's code. Raises SettingsFault where it holds
    anything but text, names the record's own id, or gives two properties one key.
    """

    recordProperties: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mapping = self.recordProperties
        if not isinstance(mapping, Mapping):
            raise SettingsFault("recordProperties", f"{mapping!r} is not a text map")
        taken = {"id": "messageId"}
        for key, value in mapping.items():
            if not isinstance(key, str) or not isinstance(value, str) or not value:
                raise SettingsFault("recordProperties", f"{key!r}: {value!r} is not text to text")
            if value in taken:
                raise SettingsFault("recordProperties", f"{value!r} holds {taken[value]} already")
            taken[value] = key
