"""Scenarios: faults that are set together, from a TOML file or by a name that a person remembers.

* MeterboxError
  x ScenarioFault    the file says what cannot be; every such place is told
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from contracts.conformance import violations
from contracts.model import BadValue, MeterboxError, did_you_mean
from contracts.schema import Schema
from sandbox.configfile import plain
from sandbox.faults import Fault

__all__ = ["Scenario", "ScenarioFault", "load", "preset", "presets"]

FOLDER = Path(__file__).with_name("presets")


class ScenarioFault(MeterboxError):
    """One line for each thing to mend, with its file and its key."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class Scenario:
    """Faults in the order they are set; each is of one vendor, or of any when that is None."""

    description: str
    faults: tuple[tuple[str | None, Fault], ...]

    def of(self, vendor: str) -> list[Fault]:
        """The faults for an account of this vendor."""
        return [fault for only, fault in self.faults if only in (None, vendor)]


def presets() -> dict[str, str]:
    """The names of what there is without a file, and what each does."""
    return {
        file.stem: tomllib.loads(file.read_text(encoding="utf-8"))["description"]
        for file in sorted(FOLDER.glob("*.toml"))
    }


def preset(name: str, seed: int = 0) -> Scenario:
    """A scenario by its name. Raises BadValue."""
    known = list(presets())
    if name not in known:
        near = did_you_mean(name, known)
        hint = f"; did you mean {near!r}?" if near else ""
        raise BadValue("preset", name, f"one of {', '.join(known)}{hint}")
    return load(FOLDER / f"{name}.toml", seed)


def load(file: Path, seed: int | None = None) -> Scenario:
    """A scenario from its file; `seed` takes the place of the file's. Raises ScenarioFault."""
    try:
        tree = plain(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as fault:
        raise ScenarioFault([f"{file}: cannot be read: {fault.strerror}"]) from fault
    except (ValueError, RecursionError) as fault:
        raise ScenarioFault([f"{file}: is not TOML: {fault}"]) from fault
    found = violations(tree, _schema(), rule="scenario")
    if found:
        raise ScenarioFault(f"{file}: {v.path.removeprefix('$.')}: {v.message}" for v in found)
    first = tree.get("seed", 0) if seed is None else seed
    given = tree["fault"]
    faults = tuple(_fault(file, number, one, first) for number, one in enumerate(given))
    return Scenario(tree.get("description", ""), faults)


def _fault(
    file: Path, number: int, given: Mapping[str, Any], seed: int
) -> tuple[str | None, Fault]:
    """One fault; those of a scenario draw their lots apart."""
    asked = {"seed": seed * 1_000 + number, **given}
    vendor = asked.pop("vendor", None)
    if asked.get("times") == "always":
        asked["times"] = None
    try:
        return vendor, Fault.read(asked)
    except MeterboxError as fault:
        raise ScenarioFault([f"{file}: fault[{number}]: {fault}"]) from fault


@cache
def _schema() -> Schema:
    file = Path(__file__).with_name("scenario.schema.json")
    return Schema("scenario", json.loads(file.read_text(encoding="utf-8")))
