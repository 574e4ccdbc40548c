"""What is to be proven: these events, at this time, under these faults and kills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.faults import Fault

__all__ = ["NAME", "Case", "Strike"]

NAME = "prove"
"""Whose the accounts are; a vendor's key is made of it."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that strikes one request: the `request`-th of the vendor, counted from 1."""

    vendor: str
    request: int
    fault: Fault


@dataclass(frozen=True)
class Case:
    """`events` are as a source hands them on, `settings` each destination's, by vendor.

    Every vendor's clock stands `at` one time, so that no rule depends on when a request comes.
    `faults` are a scenario's, each of one vendor or of any; `strikes` come on top. `kills` is how
    often the forwarder dies; `seed` decides when, and how retries are spread. `scale` compresses
    the waits of a forwarder that is a process.
    """

    events: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Mapping[str, Any]]
    at: datetime
    faults: tuple[tuple[str | None, Fault], ...] = ()
    strikes: tuple[Strike, ...] = ()
    seed: int = 0
    kills: int = 0
    scale: float = field(default=0.01, kw_only=True)
