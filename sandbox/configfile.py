"""meterbox.toml and what the environment puts over it, as one table that its schema allows.

* MeterboxError
  x ConfigFault    the file or the environment says what cannot be; every such place is told
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, time
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

from contracts.conformance import violations
from contracts.model import MeterboxError, Violation
from contracts.schema import Schema
from sandbox.environment import Override, overrides

__all__ = ["FILE", "ConfigFault", "Table", "plain", "schema", "table"]

FILE = Path("meterbox.toml")
RIVALS = {"api_key": "api_key_file", "api_key_file": "api_key"}

Table = dict[str, Any]


class ConfigFault(MeterboxError):
    """One line for each thing to mend, with its file or variable and its key."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@cache
def schema() -> Schema:
    """What meterbox.toml may hold, for editors too."""
    file = Path(__file__).with_name("config.schema.json")
    return Schema("config", json.loads(file.read_text(encoding="utf-8")))


def table(file: Path | None, environ: Mapping[str, str]) -> Table:
    """The tables of a file under the variables of an environment. Raises ConfigFault."""
    tree = _read(file) if file is not None else {}
    for override in _environment(environ):
        _place(tree, override)
    return tree


def _read(file: Path) -> Table:
    """A file's tables, its paths made to begin at its folder."""
    try:
        tree: Table = plain(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError as fault:
        raise ConfigFault([f"{file}: does not exist"]) from fault
    except OSError as fault:
        raise ConfigFault([f"{file}: cannot be read: {fault.strerror}"]) from fault
    except (ValueError, RecursionError) as fault:
        raise ConfigFault([f"{file}: is not TOML: {fault}"]) from fault
    found = violations(tree, schema(), rule="config")
    if found:
        raise ConfigFault(f"{file}: {_told(violation)}" for violation in found)
    _anchor(tree.get("server", {}), file.parent)
    for destination in tree.get("destinations", {}).values():
        _anchor(destination, file.parent)
    return tree


def _environment(environ: Mapping[str, str]) -> list[Override]:
    placed: list[Override] = []
    problems = []
    for found in overrides(environ, schema().document):
        if not isinstance(found, Override):
            problems.append(f"{found.variable}: {found.why}")
            continue
        tree: Table = {}
        _place(tree, found)
        wrong = violations(plain(tree), schema(), rule="config")
        problems += [f"{found.variable}: {_told(violation)}" for violation in wrong]
        placed.append(found)
    if problems:
        raise ConfigFault(problems)
    return placed


def _place(tree: Table, override: Override) -> None:
    """Put a value where its keys lead; a vendor's key takes the place of the file that holds it."""
    *sections, key = override.path
    for section in sections:
        tree = tree.setdefault(section, {})
    if key in RIVALS:
        tree.pop(RIVALS[key], None)
    tree[key] = override.value


def _anchor(section: Table, folder: Path) -> None:
    for key in section.keys() & {"data_dir", "api_key_file"}:
        section[key] = str(folder / Path(section[key]).expanduser())
    if "vendors" in section:
        section["vendors"] = [str(folder / Path(name).expanduser()) for name in section["vendors"]]


def plain(node: Any) -> Any:
    """TOML's dates and unbounded numbers as text, which JSON Schema can refuse."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    if isinstance(node, date | time):
        return node.isoformat()
    if isinstance(node, float) and not isfinite(node):
        return str(node)
    return node


def _told(violation: Violation) -> str:
    """Key and fault; never the value, which may be a vendor's key."""
    place = violation.path.removeprefix("$").removeprefix(".")
    if not violation.message.startswith("Additional properties"):
        return f"{place}: {violation.message}"
    hint = f"; did you mean {violation.suggestion!r}?" if violation.suggestion else ""
    return f"{place}: is not a key of {FILE}{hint}"
