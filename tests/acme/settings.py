"""Acme's destination has one setting: what an event counts as."""

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    quantity: int = 1
