"""Events of usage as a biller sees them, read from bodies by a layout of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.layout import Layout, Naming, When

__all__ = ["Fields", "Spot", "Usage", "at", "known", "reader"]

Fields = Mapping[str, Any]
Get = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something stands: a file, a line of it, and a JSON path into the document there."""

    file: str
    line: int
    path: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}"


@dataclass(slots=True)
class Usage:
    """One event. `fields` are its properties, by their path behind `prefix`; `moment` is its time
    where that can be read, in UTC unless it names another zone or, with no zone, none."""

    file: str
    line: int
    path: str
    key: Any
    scope: Any
    customer: Any
    name: Any
    time: Any
    moment: datetime | None
    fields: Fields
    prefix: str

    def place(self, field: str = "") -> Spot:
        """Where the event is, or a field of it."""
        return Spot(self.file, self.line, f"{self.path}.{field}" if field else self.path)


Reader = Callable[[Any, str, int, str], Iterator[Usage]]
"""The events in a body, which is of this file and line and at this path in the document there."""


def reader(layout: Layout) -> Reader:
    """Reads by a layout what it can; what a body has no event in gives none."""
    key, time, name = _getter(layout.key), _getter(layout.time), _getter(layout.name)
    scope = _getter(layout.scope) if layout.scope else _nothing
    customer, fields = _first(layout.customer), _properties(layout)
    fits = _fits(layout.when)

    def read(body: Any, file: str, line: int, path: str) -> Iterator[Usage]:
        for where, event in _events(body, layout.inside, path):
            if fits(event):
                written, (found, prefix) = time(event), fields(event)
                yield Usage(
                    file,
                    line,
                    where,
                    key(event),
                    scope(event),
                    customer(event),
                    name(event),
                    written,
                    _moment(written),
                    found,
                    prefix,
                )

    return read


def known(naming: Naming) -> Callable[[Any], Iterator[str]]:
    """Reads the ids of customers that a body makes known."""
    ids, fits = [_getter(path) for path in naming.ids], _fits(naming.when)

    def read(body: Any) -> Iterator[str]:
        for _, event in _events(body, naming.inside, "$"):
            if fits(event):
                found = (get(event) for get in ids)
                yield from (id for id in found if isinstance(id, str) and id)

    return read


def at(node: Any, path: str) -> Any:
    """What stands at a path with dots; None where nothing does."""
    for part in path.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def _events(body: Any, inside: str | None, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(body, dict):
        under = body.get(inside) if inside is not None else None
        if not isinstance(under, list):
            yield path, body
            return
        body, path = under, f"{path}.{inside}"
    if isinstance(body, list):
        for index, event in enumerate(body):
            if isinstance(event, dict):
                yield f"{path}[{index}]", event


def _fits(when: When) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a body is meant: where it says nothing of a field, its endpoint does."""

    def fits(event: Mapping[str, Any]) -> bool:
        return all(event.get(name) in (None, *values) for name, values in when.items())

    return fits if when else lambda _: True


def _getter(path: str) -> Get:
    if "." in path:
        return lambda event: at(event, path)
    return lambda event: event.get(path)


def _nothing(_: Mapping[str, Any]) -> None:
    return None


def _first(paths: Sequence[str]) -> Get:
    """What stands at the first of these paths that something stands at."""
    if len(paths) == 1:
        return _getter(paths[0])
    gets = [_getter(path) for path in paths]

    def first(event: Mapping[str, Any]) -> Any:
        for get in gets:
            if (value := get(event)) not in (None, ""):
                return value
        return None

    return first


def _properties(layout: Layout) -> Callable[[Mapping[str, Any]], tuple[Fields, str]]:
    """What stands at the places of properties, and what their names begin with."""
    if len(layout.properties) > 1:
        return lambda event: (_together(event, layout.properties), "")
    place = layout.properties[0]
    get, prefix = _getter(place), f"{place}."
    key = layout.key.removeprefix(prefix) if layout.key.startswith(prefix) else None

    def properties(event: Mapping[str, Any]) -> tuple[Fields, str]:
        found = get(event)
        if not isinstance(found, dict):
            return _together(event, [place]), ""
        if key is not None:
            return {name: value for name, value in found.items() if name != key}, prefix
        return found, prefix

    return properties


def _together(event: Mapping[str, Any], places: Sequence[str]) -> Fields:
    """Of several places: an object's entries, and a value by itself."""
    fields: dict[str, Any] = {}
    for place in places:
        found = at(event, place)
        if isinstance(found, dict):
            fields.update((f"{place}.{name}", value) for name, value in found.items())
        elif found is not None:
            fields[place] = found
    return fields


def _moment(written: Any) -> datetime | None:
    """A time as ISO 8601, or milliseconds since 1970; None where it is neither."""
    try:
        if type(written) is str:
            at = datetime.fromisoformat(written.upper())
        elif type(written) is int or type(written) is float:
            at = datetime.fromtimestamp(written / 1000, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    # Beside the ends of the calendar there may be no such time in another zone.
    return at if 1 < at.year < 9999 else None
