"""Reads files of payloads strictly and quickly: NDJSON in blocks of lines, or JSON documents.

A file whose first line is a JSON value is NDJSON; any other is one JSON document, or several in
a row as `jq` prints them.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

import orjson

from contracts.model import MeterboxError, did_you_mean
from sandbox.body import Unreadable, parse

__all__ = ["Block", "Payload", "Unread", "UnusableFile", "blocks", "size"]

CHUNK = 16 * 1024
"""Bytes read at a time. With larger buffers the C library returns memory to the system after each
and fetches it again, which takes as long as all the rest."""

BLANK = re.compile(r"\s*")


class UnusableFile(MeterboxError):
    """A file that is not there, or cannot be read."""

    def __init__(self, name: str, fault: OSError) -> None:
        path = Path(name)
        near = did_you_mean(path.name, _neighbours(path)) if not path.exists() else None
        hint = f" Did you mean {str(path.with_name(near))!r}?" if near else ""
        super().__init__(f"{name}: {fault.strerror or fault}.{hint}")


@dataclass(frozen=True, slots=True)
class Unread:
    """In place of a value that could not be read: why, in a sentence about the body."""

    why: str


@dataclass(frozen=True, slots=True)
class Payload:
    """One value; `place` is its file and line, `at` its JSON path inside the document there."""

    place: str
    at: str
    value: Any

    def elements(self) -> Iterator[Payload]:
        """The elements of an array, each as a payload of its own."""
        for index, element in enumerate(self.value):
            yield Payload(self.place, f"{self.at}[{index}]", element)


@dataclass(frozen=True, slots=True)
class Block:
    """Values that were read together, each with its line; `size` is in bytes of the file.

    `sound` promises that all could be read: no value is Unread. `cut` says that the last may be
    the beginning of one that is still being written.
    """

    file: str
    lines: Sequence[int]
    values: Sequence[Any]
    size: int
    sound: bool = False
    cut: bool = False

    def payloads(self) -> Iterator[Payload]:
        """Every value with its place."""
        for line, value in zip(self.lines, self.values, strict=True):
            yield Payload(f"{self.file}:{line}", "$", value)


def size(names: Sequence[str]) -> int | None:
    """Bytes of these files together; None when nobody can know. Raises UnusableFile."""
    sizes = [_size(name) for name in names]
    return sum(sizes) if all(sizes) else None


def blocks(name: str) -> Iterator[Block]:
    """All values of a file, or of the standard input for `-`. Raises UnusableFile."""
    with _opened(name) as stream:
        chunks = _whole_lines(stream)
        head = next(chunks, b"")
        if head.count(b"\n") < 2 and not _is_lines(head):
            head += next(chunks, b"")  # by one line alone it cannot be told
        read = _by_line if _is_lines(head) else _documents
        yield from read("stdin" if name == "-" else name, chain([head], chunks))


def _size(name: str) -> int:
    if name == "-":
        return 0
    try:
        return os.stat(name).st_size
    except OSError as fault:
        raise UnusableFile(name, fault) from fault


@contextmanager
def _opened(name: str) -> Iterator[BufferedReader]:
    try:
        if name == "-":
            yield cast(BufferedReader, sys.stdin.buffer)
            return
        with open(name, "rb") as stream:
            yield stream
    except OSError as fault:
        raise UnusableFile(name, fault) from fault


def _neighbours(path: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return []


def _whole_lines(stream: BufferedReader) -> Iterator[bytes]:
    """The stream in pieces that end where a line ends; a line is never cut."""
    parts: list[bytes] = []
    while raw := stream.read1(CHUNK):
        end = raw.rfind(b"\n") + 1
        if end:
            yield b"".join([*parts, raw[:end]])
            parts = []
        parts.append(raw[end:])
    rest = b"".join(parts)
    if rest:
        yield rest


def _is_lines(head: bytes) -> bool:
    """Whether this is the beginning of NDJSON and not of a document of several lines."""
    lines = [line for line in head.splitlines() if line.strip()]
    if not lines or _reads(lines[0]):
        return True
    text = head.decode(errors="replace").strip()
    try:
        json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as fault:
        # Broken, and not just cut off: then lines that read alone tell what was meant.
        return fault.pos < len(text) and len(lines) > 1 and _reads(lines[1])
    except RecursionError:
        return False
    return False


def _reads(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _by_line(name: str, chunks: Iterable[bytes]) -> Iterator[Block]:
    first = 1
    for chunk in chunks:
        raw = chunk.replace(b"\r\n", b"\n").removesuffix(b"\n")
        lines = raw.split(b"\n")
        values, numbers = _values(lines, raw), range(first, first + len(lines))
        size, cut = len(chunk), not chunk.endswith(b"\n")
        if values is not None:
            yield Block(name, numbers, values, size, sound=True, cut=cut)
        else:
            kept = [(n, line) for n, line in zip(numbers, lines, strict=True) if line.strip()]
            found = [_value(line) for _, line in kept]
            yield Block(name, [n for n, _ in kept], found, size, cut=cut)
        first += len(lines)


def _values(lines: list[bytes], raw: bytes) -> list[Any] | None:
    """The values of many lines at once; None when they need a look one by one."""
    try:
        values = [*map(orjson.loads, lines)]
        written = b"\n".join(map(orjson.dumps, values))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return values if _same(written, raw) else None


def _same(written: bytes, raw: bytes) -> bool:
    """Whether `raw` is what was written, but for spaces: then it has as many keys as the value,
    so that none was given twice."""
    return written == raw or _unspaced(written) == _unspaced(raw)


def _unspaced(raw: bytes) -> bytes:
    """Without the spaces most writers put behind a key and before the next."""
    return raw.replace(b'": ', b'":').replace(b', "', b',"')


def _value(line: bytes) -> Any:
    """What a line holds, or Unread."""
    values = _values([line], line)
    return _strict(line) if values is None else values[0]


def _strict(raw: bytes) -> Any:
    try:
        return parse(raw)
    except Unreadable as fault:
        return Unread(fault.why)


def _documents(name: str, chunks: Iterable[bytes]) -> Iterator[Block]:
    """One document, or several in a row; what comes after a broken one cannot be told."""
    raw = b"".join(chunks)
    whole = _strict(raw)
    if not isinstance(whole, Unread):
        yield Block(name, [_line(raw, len(raw) - len(raw.lstrip()))], [whole], len(raw))
        return
    try:
        text = raw.decode()
    except UnicodeDecodeError as fault:
        unread = [Unread("the body is not UTF-8")]
        yield Block(name, [_line(raw, fault.start)], unread, len(raw), cut=True)
        return
    for line, found in groupby(_in_a_row(text), key=itemgetter(0)):
        values = [value for _, value in found]
        yield Block(name, [line] * len(values), values, 0, cut=isinstance(values[-1], Unread))


def _in_a_row(text: str) -> Iterator[tuple[int, Any]]:
    """Documents and their first lines, up to one that cannot be read."""
    decoder, at, line = json.JSONDecoder(), 0, 1
    while start := BLANK.match(text, at):
        line += text.count("\n", at, start.end())
        if start.end() == len(text):
            return
        try:
            at = decoder.raw_decode(text, start.end())[1]
        except json.JSONDecodeError as fault:
            yield fault.lineno, Unread(f"the body is not JSON: {fault.msg}, column {fault.colno}")
            return
        except RecursionError:
            yield line, Unread("the body is not JSON: it is nested too deeply")
            return
        yield line, _strict(text[start.end() : at].encode())
        line += text.count("\n", start.end(), at)


def _line(raw: bytes, at: int) -> int:
    return raw.count(b"\n", 0, at) + 1
