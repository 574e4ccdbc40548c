"""The settings of Segment's Kana destination: none but the API key (rule kana.segment.settings)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Nothing to set: the API key is a credential, which delivery adds."""
