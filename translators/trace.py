"""Why each field of a request is what it is: which input it came from, and by which rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.conformance import json_path

__all__ = ["Draft", "Traced"]

ENVELOPE = frozenset({"$.type", "$.receivedAt", "$.sentAt", "$.originalTimestamp"})


@dataclass(frozen=True, slots=True)
class Traced:
    """`field` of the request came from `source` of the event (None: a constant), by `rule`."""

    field: str
    source: str | None
    value: Any
    rule: str


class Draft:
    """Collects the trace of one translation while its body is put together."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._noted: list[tuple[str, str | None, Any, str]] = []

    def note(self, field: str, value: Any, *, source: str | None, rule: str) -> Any:
        """Note where a field came from; answers the value, to be put into the body."""
        self._noted.append((field, source, value, rule))
        return value

    def trace(self) -> tuple[Traced, ...]:
        """Everything that was noted."""
        return tuple(Traced(*noted) for noted in self._noted)

    def dropped(self) -> tuple[str, ...]:
        """Paths of the event that nothing was made of; its envelope does not count."""
        used = {source for _, source, _, _ in self._noted} | ENVELOPE
        return tuple(path for path in _leaves(self._raw, ()) if not _covered(path, used))


def _leaves(node: Any, at: tuple[str | int, ...]) -> Iterator[str]:
    """Paths of all values, an object's inside it; a list is one value."""
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _leaves(value, (*at, key))
    elif at:
        yield json_path(at)


def _covered(path: str, used: set[str | None]) -> bool:
    return any(
        source is not None and (path == source or path.startswith((f"{source}.", f"{source}[")))
        for source in used
    )
