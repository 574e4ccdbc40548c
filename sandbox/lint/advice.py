"""What is looked for, as data: the project's own advice, and no vendor's rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

__all__ = ["SOURCE", "Advice", "Level", "read"]

Level = Literal["error", "warning", "note"]
SOURCE = "meterbox's own advice"
"""How it is known: somebody's judgement, which a vendor's rule beside a finding may bear out."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to look for: what it is, why it is regretted, and what to do about it."""

    id: str
    level: Level
    sentence: str
    why: str
    fix: str


@cache
def read() -> Mapping[str, Advice]:
    """All of it by id."""
    text = (Path(__file__).parent / "rules.json").read_text(encoding="utf-8")
    return {entry["id"]: Advice(**entry) for entry in json.loads(text)}
