"""The paths of one vendor: which of them a request is for, and what its parameters are.

Paths are matched as they are sent, percent-encoded, and parameters are decoded afterwards: an id
may hold whatever a path does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

from contracts.model import Endpoint

if TYPE_CHECKING:
    from starlette.types import Scope

__all__ = ["Paths", "Place", "sent"]

PARAMETER = re.compile(r"\{(\w+)\}")
PLAIN = "!$&'()*+,;=:@"
"""What a segment of a path may hold as it is, beside letters and digits (RFC 3986, 3.3)."""
NOTHING: Mapping[str, Endpoint] = {}

Methods = Mapping[str, Endpoint]


class Place(NamedTuple):
    """What is at a path: its endpoints by method, none where there is nothing, and its params."""

    path: str
    methods: Methods
    params: Mapping[str, str]


def sent(scope: Scope) -> str:
    """The path as it was sent, with percent-encoding where it is needed and only there."""
    path: str = scope["path"]
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return quote(path, safe="/" + PLAIN)
    if b"%" not in raw:
        return path
    return "/".join(quote(unquote_to_bytes(part), safe=PLAIN) for part in raw.split(b"/"))


@dataclass(frozen=True, slots=True)
class Template:
    """A path with parameters: `whole` takes each as one segment, `loose` with slashes in it."""

    whole: re.Pattern[str]
    loose: re.Pattern[str]
    methods: Methods


class Paths:
    """The endpoints of a vendor by path and method. Nothing is at a path without methods."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in endpoints:
            for path in endpoint.paths:
                by_path.setdefault(path, {})[endpoint.method] = endpoint
        self.exact: Mapping[str, Methods] = {p: m for p, m in by_path.items() if "{" not in p}
        self._templates = [
            Template(_pattern(path, "[^/]+"), _pattern(path, ".*"), methods)
            for path, methods in by_path.items()
            if path not in self.exact
        ]

    def find(self, method: str, path: str) -> Place:
        """What is at a path, which has the method if any path that fits has it.

        A path in which all is spelled out comes before one with parameters. Slashes that were
        not encoded are part of a parameter where the path fits no other way.
        """
        exact = self.exact.get(path, NOTHING)
        if method in exact:
            return Place(path, exact, {})
        fitting = list(self._fitting(path))
        for place in fitting:
            if method in place.methods:
                return place
        if exact:
            fitting.insert(0, Place(path, exact, {}))
        return _merged(fitting) if fitting else self._loosely(path)

    def _fitting(self, path: str) -> Iterator[Place]:
        for template in self._templates:
            match = template.whole.fullmatch(path)
            if match is not None:
                yield Place(path, template.methods, _decoded(match))

    def _loosely(self, path: str) -> Place:
        for template in self._templates:
            match = template.loose.fullmatch(path)
            if match is not None:
                return Place(path, template.methods, _decoded(match))
        return Place(path, NOTHING, {})


def _merged(places: Sequence[Place]) -> Place:
    """All that is at one path, when none of it has the method that was asked for."""
    methods: dict[str, Endpoint] = {}
    params: dict[str, str] = {}
    for place in places:
        params.update(place.params)
        for name, endpoint in place.methods.items():
            methods.setdefault(name, endpoint)
    return Place(places[0].path, methods, params)


@cache
def _pattern(path: str, value: str) -> re.Pattern[str]:
    """A contract's path, each `{parameter}` of which takes such a value."""
    literal = True
    pattern = ""
    for part in PARAMETER.split(path):
        pattern += re.escape(part) if literal else f"(?P<{part}>{value})"
        literal = not literal
    return re.compile(pattern, re.DOTALL)


def _decoded(match: re.Match[str]) -> dict[str, str]:
    return {name: unquote(value) for name, value in match.groupdict().items()}
