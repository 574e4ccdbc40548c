"""The settings of Segment's Amberflo destination: none but the API key, which is its credential."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """There is nothing to set."""
