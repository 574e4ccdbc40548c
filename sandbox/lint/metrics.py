"""Metrics: properties that they need, and that events lack or a mapping leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.layout import Need
from contracts.model import Contract
from sandbox.lint import advice
from sandbox.lint.cause import Cause, Tally
from sandbox.lint.usage import Spot, Usage, at

__all__ = ["Metrics", "needed"]

Step = Mapping[str, Any]
Dropped = Callable[[], Sequence[str]]
"""Tells the paths of the source's event that nothing was made of."""


def needed(contract: Contract, steps: Iterable[Step]) -> dict[str, tuple[str, ...]]:
    """Event name -> the properties that meters and metrics need of it, which these steps make."""
    found: dict[str, dict[str, None]] = {}
    for step in steps:
        for need in contract.needs:
            if _meant(need, step, contract):
                event = at(step["json"], need.event)
                names = [n for path in need.properties for n in _names(step["json"], path)]
                if isinstance(event, str) and names:
                    found.setdefault(event, {}).update(dict.fromkeys(names))
    return {event: tuple(names) for event, names in found.items()}


class Metrics:
    """Looks into each event for what is needed of its name."""

    def __init__(self, needs: Mapping[str, Sequence[str]]) -> None:
        self._needs = needs
        self._lacking: dict[tuple[str, str], _Lacking] = {}

    def see(self, usage: Usage, spot: Spot | None = None, dropped: Dropped = tuple) -> None:
        """`spot` is where the source's event is that this one was made of, and `dropped` what was
        left out then."""
        name = usage.name
        if not isinstance(name, str) or name not in self._needs:
            return
        for property in self._needs[name]:
            if not _has(usage, property):
                lacking = self._lacking.setdefault((name, property), _Lacking())
                source = _named(dropped(), property)
                where = spot or usage.place()
                if source is None:
                    lacking.absent.add(where)
                else:
                    lacking.dropped.add(Spot(where.file, where.line, where.path + source[1:]))

    def causes(self) -> Iterator[Cause]:
        """What is lacking, by event and property."""
        known = advice.read()
        for (name, property), lacking in self._lacking.items():
            wanted = f"a metric of {name} needs the property {property}"
            if lacking.dropped.count:
                told = f"{wanted}, and the mapping leaves it out"
                yield lacking.dropped.cause(known["lint.metric.dropped"], told)
            if lacking.absent.count:
                told = f"{wanted}, which the event does not have"
                yield lacking.absent.cause(known["lint.metric.absent"], told)


@dataclass(slots=True)
class _Lacking:
    dropped: Tally
    absent: Tally

    def __init__(self) -> None:
        self.dropped, self.absent = Tally(), Tally()


def _meant(need: Need, step: Step, contract: Contract) -> bool:
    if need.dashboard is not None:
        return step.get("dashboard") == need.dashboard
    endpoint = contract.endpoint(need.endpoint or "")
    return step.get("method") == endpoint.method and step.get("path") in endpoint.paths


def _names(node: Any, path: str) -> Iterator[str]:
    """The texts at a path with `*` (keys) and `[]` (elements)."""
    part, _, rest = path.partition(".")
    if part == "*" and isinstance(node, Mapping):
        yield from node
    elif part == "[]" and isinstance(node, list):
        for item in node:
            yield from _names(item, rest) if rest else [item]
    elif isinstance(node, Mapping) and node.get(part) is not None:
        found = node[part]
        if rest:
            yield from _names(found, rest)
        elif isinstance(found, str):
            yield found


def _has(usage: Usage, property: str) -> bool:
    """Whether the event has the property, under whichever of its places."""
    fields = usage.fields
    if fields.get(property) is not None:
        return True
    if usage.prefix:
        return False
    return any(name.partition(".")[2] == property for name in fields)


def _named(paths: Sequence[str], property: str) -> str | None:
    """The path of a property of that name, whatever case and separators it is written with."""
    for path in paths:
        if _folded(path.rpartition(".")[2]) == _folded(property):
            return path
    return None


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
