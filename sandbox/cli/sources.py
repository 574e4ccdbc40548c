"""Where `meterbox forward` reads events from: files of JSON lines, and the standard input."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any

import orjson

from contracts.model import MeterboxError
from sandbox.cli.payloads import Block, Unread, UnusableFile, blocks
from translators.forwarding.outbox import Position

__all__ = ["Piece", "Shrunk", "Source", "pieces"]

MOST = 1_000
FIRST = 64 * 1024
"""Bytes of its first line by which a file is known."""


class Shrunk(MeterboxError):
    """A file has fewer lines than were read of it before, and begins with the same."""

    def __init__(self, name: str, lines: int, read: int) -> None:
        super().__init__(
            f"{name}: has {lines} lines, and {read} of it were read before. "
            "If it is another file, give it another name."
        )


@dataclass(frozen=True)
class Source:
    """A file, or `-`. `id` is what it is known by from one run to the next; None is forgotten."""

    name: str
    id: str | None

    @classmethod
    def named(cls, name: str, stdin: str | None) -> Source:
        """`stdin` is what the standard input is called, when it is to be gone on with."""
        if name == "-":
            return cls(name, None if stdin is None else f"stdin:{stdin}")
        path = os.fsencode(Path(name).resolve())
        return cls(name, f"file:{path.decode(errors='backslashreplace')}")

    @property
    def origin(self) -> str:
        return self.id or "stdin"

    def place(self) -> str | None:
        """What its position is kept under; None keeps none. A file that begins with another line
        is another file by the same name, as after a log was rotated. Raises UnusableFile."""
        if self.name == "-" or not Path(self.name).is_file():
            return self.id
        try:
            with open(self.name, "rb") as stream:
                lines = iter(partial(stream.readline, FIRST), b"")
                first = next(filter(None, map(bytes.strip, lines)), b"")
        except OSError as fault:
            raise UnusableFile(self.name, fault) from fault
        return f"{self.id}#{sha256(first).hexdigest()[:16]}"


@dataclass(frozen=True)
class Piece:
    """Events read together, and where they end; `unread` are lines that hold none."""

    events: Sequence[Mapping[str, Any]]
    unread: Sequence[tuple[int, str]]
    position: Position | None
    size: int


async def pieces(source: Source, place: str | None, read: int) -> AsyncIterator[Piece]:
    """Everything of a source behind its first `read` lines. Raises MeterboxError."""
    last = 0
    async for block in _aside(blocks(source.name)):
        for piece in _split(place, block, read):
            yield piece
        last = max(last, *block.lines) if block.lines else last
    if last < read:
        raise Shrunk(source.name, last, read)


async def _aside(found: Iterator[Block]) -> AsyncIterator[Block]:
    """What an iterator gives, which is asked in a thread that nobody waits for in the end: the
    standard input may have nothing to say for hours."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Block | BaseException | None] = asyncio.Queue(maxsize=4)

    def hand_over(what: Block | BaseException | None) -> bool:
        putting = queue.put(what)
        try:
            asyncio.run_coroutine_threadsafe(putting, loop).result()
        except (RuntimeError, CancelledError):
            putting.close()
            return False  # the loop is gone, and nobody wants it any more
        return True

    def read() -> None:
        try:
            if all(map(hand_over, found)):
                hand_over(None)
        except BaseException as fault:  # or whoever waits for the next would do so for ever
            hand_over(fault)

    Thread(target=read, name="reader", daemon=True).start()
    while (got := await queue.get()) is not None:
        if isinstance(got, BaseException):
            raise got
        yield got


def _split(place: str | None, block: Block, read: int) -> Iterator[Piece]:
    rows = [row for row in zip(block.lines, block.values, strict=True) if row[0] > read]
    share = block.size // max(1, -(-len(rows) // MOST))
    for start in range(0, len(rows), MOST):
        part, after = rows[start : start + MOST], rows[start + MOST : start + MOST + 1]
        if not after and block.cut and not isinstance(part[-1][1], Mapping):
            after = part[-1:]  # whoever writes it may not be done: the next run reads it again
        events, unread = [], []
        for line, value in part:
            if isinstance(value, Mapping):
                events.append(_identified(line, value))
            else:
                unread.append((line, value.why if isinstance(value, Unread) else "is no object"))
        whole = [line for line, _ in part if not after or line < after[0][0]]
        at = Position(place, whole[-1]) if place is not None and whole else None
        yield Piece(events, unread, at, share)


def _identified(line: int, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event with a messageId, which Segment would make up: here from its line and text, so
    that it is the same whenever the file is read again."""
    if event.get("messageId"):
        return event
    made = sha256(b"%d:%s" % (line, orjson.dumps(event, option=orjson.OPT_SORT_KEYS)))
    return {**event, "messageId": f"meterbox-{made.hexdigest()[:32]}"}
