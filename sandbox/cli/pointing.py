"""Where in a file a JSON path is: the line and column, in a line of NDJSON or in a document."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from io import SEEK_END, StringIO
from pathlib import Path
from typing import NamedTuple

from sandbox.reports.model import Place

__all__ = ["Target", "places"]

PART = re.compile(r"\.([A-Za-z_$][\w$-]*)|\[(\d+)\]|\[('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\]")
SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()
LONGEST = 2**20
"""Characters of a document of several lines that are looked through."""


class Target(NamedTuple):
    """A path into the value that begins on a line of a file."""

    file: str
    line: int
    path: str


def places(targets: Iterable[Target]) -> dict[Target, Place]:
    """Each with its place: at its key, or what that would be in. What cannot be read a second time,
    such as the standard input, has lines alone."""
    found = {target: Place(target.file, target.line) for target in targets}
    files: dict[str, dict[int, list[Target]]] = {}
    for target in found:
        if target.path != "$":
            files.setdefault(target.file, {}).setdefault(target.line, []).append(target)
    for name, wanted in files.items():
        for line, text in _texts(Path(name), wanted):
            found.update((target, _place(target, text)) for target in wanted[line])
    return found


def _texts(file: Path, wanted: Mapping[int, object]) -> Iterator[tuple[int, str]]:
    """What begins on these lines: the line, where it is a value by itself, or all from there on."""
    if not file.is_file():
        return
    growing: dict[int, StringIO] = {}
    try:
        with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                for text in growing.values():
                    if text.tell() < LONGEST:
                        text.write(line)
                if number in wanted and _whole(line):
                    yield number, line
                elif number in wanted:
                    growing[number] = StringIO(line)
                    growing[number].seek(0, SEEK_END)
    except OSError:
        return
    yield from ((number, text.getvalue()) for number, text in growing.items())


def _whole(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _place(target: Target, text: str) -> Place:
    at = _index(text, target.path)
    before = text[:at]
    return Place(target.file, target.line + before.count("\n"), at - before.rfind("\n"))


def _index(text: str, path: str) -> int:
    """Where the last key or element begins that there is of a path."""
    begins = at = _next(text, 0)
    with suppress(LookupError, ValueError, RecursionError):
        for name, index, quoted in PART.findall(path):
            part = int(index) if index else ast.literal_eval(quoted) if quoted else name
            begins, at = _member(text, at, part)
    return begins


def _member(text: str, at: int, part: str | int) -> tuple[int, int]:
    """Where a member of what is at an index begins, and where its value does. Raises LookupError,
    or ValueError for what is not JSON."""
    for name, begins, value in _members(text, at):
        if name == part:
            return begins, value
    raise LookupError(part)


def _members(text: str, at: int) -> Iterator[tuple[str | int, int, int]]:
    closing = {"{": "}", "[": "]"}[text[at]]
    at, count = _next(text, at + 1), 0
    while text[at] != closing:
        begins, name = at, count
        if closing == "}":
            name, at = DECODER.raw_decode(text, at)
            at = _next(text, _next(text, at) + 1)
        yield name, begins, at
        at = _next(text, DECODER.raw_decode(text, at)[1])
        at, count = _next(text, at + 1) if text[at] == "," else at, count + 1


def _next(text: str, at: int) -> int:
    """Where the next character is that is no space."""
    found = SPACE.match(text, at)
    return found.end() if found else at
