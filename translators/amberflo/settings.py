"""The settings of Segment's Amberflo destination: none but the API key, which is its credential,
and one of meterbox alone (rule amberflo.segment.screen)."""

from __future__ import annotations

from dataclasses import dataclass

from translators.settings import SettingsFault

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """`screen` says whether screen calls are taken: the sources contradict each other.

    Raises SettingsFault where it is neither true nor false.
    """

    screen: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.screen, bool):
            raise SettingsFault("screen", f"{self.screen!r} is neither true nor false")
