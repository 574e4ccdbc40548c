"""Contract cases: a request, what came before it, and exactly what the vendor answers.

Texts may hold `{{now}}`, `{{now-13h}}`, `{{now+5m}}`, `{{millis-1h}}` (epoch milliseconds; a number
when it is the whole text), `{{id:name}}` (an identifier that is new for each run) and
`{{kept:name}}` (what a step before kept of its answer, by `"keep": {"name": "data.0.id"}`). An
object `{"$repeat": 3, "item": ...}` is a list of three items in which `{{n}}` counts from 0. What
is expected may hold `{"$any": true}`, `{"$pattern": "..."}` and `{"$contains": {...}}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts import durations
from contracts.model import Contract, ContractFault

__all__ = ["NOW", "Case", "Difference", "differences", "keep", "read_cases", "render"]

NOW = datetime(2026, 1, 15, 12, 0, 0, 250_000, tzinfo=UTC)
"""The time that cases are written for; some hold a date of their own."""
MARK = re.compile(
    r"\{\{(now|millis)(?:([+-])([\w.]+))?\}\}|\{\{id:([\w-]+)\}\}|\{\{(n)\}\}"
    r"|\{\{kept:([\w-]+)\}\}"
)
KEYS = {
    "description",
    "rules",
    "settings",
    "given",
    "request",
    "response",
    "findings",
    "totals",
    "outcomes",
    "shows",
}


@dataclass(frozen=True)
class Case:
    """One case. `given` are steps before the request: requests (so many `times`), `advance`s of the
    clock, `dashboard` calls and `fault`s; only requests can be sent to a target that is no sandbox.

    `findings`, `totals`, `outcomes` and `shows` (what each named dashboard function then answers)
    look behind the answer and can be asked of a sandbox only.
    """

    name: str
    description: str
    rules: tuple[str, ...]
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    given: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] | None = None
    findings: Sequence[Mapping[str, Any]] | None = None
    totals: Sequence[Mapping[str, Any]] | None = None
    outcomes: Mapping[str, str] | None = None
    shows: Mapping[str, Any] | None = None


def read_cases(contract: Contract) -> list[Case]:
    """A vendor's cases, one for each file of its cases folder. Raises ContractFault."""
    return [_case(file) for file in sorted((contract.folder / "cases").glob("*.json"))]


def _case(file: Path) -> Case:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        unknown = set(document) - KEYS
        if unknown:
            raise ContractFault(file, f"has unknown keys {sorted(unknown)}")
        return Case(name=file.stem, **{**document, "rules": tuple(document["rules"])})
    except (ValueError, KeyError, TypeError) as fault:
        raise ContractFault(file, f"is not a case: {fault}") from fault


def render(
    node: Any, *, now: datetime, run: str, n: int = 0, kept: Mapping[str, str] | None = None
) -> Any:
    """`node` with its marks replaced; `run` makes identifiers of this run, and without `kept`
    what is kept stays a mark."""

    def within(node: Any, n: int = n) -> Any:
        return render(node, now=now, run=run, n=n, kept=kept)

    if isinstance(node, str):
        return _rendered(node, now, run, n, kept)
    if isinstance(node, list):
        return [within(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$repeat" in node:
        return [within(node["item"], i) for i in range(node["$repeat"])]
    return {within(key): within(value) for key, value in node.items()}


def keep(answer: Any, wanted: Mapping[str, str]) -> dict[str, str]:
    """What a step keeps of its answer: name -> the text at a dotted path."""
    found = {}
    for name, path in wanted.items():
        node = answer
        for part in path.split("."):
            node = node[int(part)] if isinstance(node, list) else node[part]
        found[name] = str(node)
    return found


def _rendered(text: str, now: datetime, run: str, n: int, kept: Mapping[str, str] | None) -> Any:
    whole = MARK.fullmatch(text)
    if whole and whole[1] == "millis":
        return int(_moment(whole, now).timestamp() * 1000)

    def told(mark: re.Match[str]) -> str:
        if mark[4]:
            return f"{mark[4]}-{run}"
        if mark[5]:
            return str(n)
        if mark[6]:
            return mark[0] if kept is None else kept[mark[6]]
        at = _moment(mark, now)
        if mark[1] == "millis":
            return str(int(at.timestamp() * 1000))
        return at.isoformat().replace("+00:00", "Z")

    return MARK.sub(told, text)


def _moment(mark: re.Match[str], now: datetime) -> datetime:
    if not mark[3]:
        return now
    by = durations.parse(mark[3])
    return now + by if mark[2] == "+" else now - by


@dataclass(frozen=True, slots=True)
class Difference:
    """Where an answer is not what was expected."""

    path: str
    message: str
    expected: Any = None
    got: Any = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def differences(expected: Any, actual: Any, path: str = "$") -> Iterator[Difference]:
    """Where `actual` is not what was expected; nothing when it is."""
    if isinstance(expected, Mapping):
        yield from _differing(expected, actual, path)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, (want, got) in enumerate(zip(expected, actual, strict=True)):
            yield from differences(want, got, f"{path}[{index}]")
    elif expected != actual or isinstance(expected, bool) is not isinstance(actual, bool):
        yield Difference(path, f"expected {expected!r}, got {actual!r}", expected, actual)


def _differing(expected: Mapping[str, Any], actual: Any, path: str) -> Iterator[Difference]:
    if "$any" in expected:
        return
    if "$pattern" in expected:
        yield from _unmatched(expected["$pattern"], actual, path)
        return
    wanted = expected.get("$contains", expected)
    if not isinstance(actual, Mapping):
        yield Difference(path, f"expected an object, got {actual!r}", expected, actual)
        return
    for key in wanted:
        if key in actual:
            yield from differences(wanted[key], actual[key], f"{path}.{key}")
        else:
            yield Difference(f"{path}.{key}", "is missing", wanted[key])
    if wanted is expected:
        for key in [key for key in actual if key not in wanted]:
            yield Difference(f"{path}.{key}", f"unexpected {actual[key]!r}", None, actual[key])


def _unmatched(pattern: str, actual: Any, path: str) -> Iterator[Difference]:
    if not isinstance(actual, str) or not re.fullmatch(pattern, actual):
        message = f"{actual!r} does not match {pattern!r}"
        yield Difference(path, message, {"$pattern": pattern}, actual)
