"""Where `meterbox forward` reads events from: files of JSON lines, and the standard input."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

import orjson

from contracts.model import MeterboxError
from sandbox.cli.payloads import Block, Unread, blocks
from translators.forwarding.outbox import Position

__all__ = ["Piece", "Shrunk", "Source", "pieces"]

MOST = 1_000


class Shrunk(MeterboxError):
    """A file has fewer lines than were read of it before: it is another file by the same name."""

    def __init__(self, name: str, lines: int, read: int) -> None:
        super().__init__(
            f"{name}: has {lines} lines, and {read} of it were read before. "
            "If it is another file, give it another name."
        )


@dataclass(frozen=True)
class Source:
    """A file, or `-`. `id` is what its position is kept under; None keeps none."""

    name: str
    id: str | None

    @classmethod
    def named(cls, name: str, stdin: str | None) -> Source:
        """`stdin` is what the standard input is called, when it is to be gone on with."""
        if name == "-":
            return cls(name, None if stdin is None else f"stdin:{stdin}")
        return cls(name, f"file:{Path(name).resolve()}")

    @property
    def origin(self) -> str:
        return self.id or "stdin"


@dataclass(frozen=True)
class Piece:
    """Events read together, and where they end; `unread` are lines that hold none."""

    events: Sequence[Mapping[str, Any]]
    unread: Sequence[tuple[int, str]]
    position: Position | None
    size: int


async def pieces(source: Source, read: int) -> AsyncIterator[Piece]:
    """Everything of a source behind its first `read` lines. Raises MeterboxError."""
    last = 0
    async for block in _aside(blocks(source.name)):
        for piece in _split(source, block, read):
            yield piece
        last = max(last, *block.lines) if block.lines else last
    if last < read:
        raise Shrunk(source.name, last, read)


async def _aside(found: Iterator[Block]) -> AsyncIterator[Block]:
    """What an iterator gives, which is asked in a thread that nobody waits for in the end: the
    standard input may have nothing to say for hours."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Block | BaseException | None] = asyncio.Queue(maxsize=4)

    def hand_over(what: Block | BaseException | None) -> None:
        asyncio.run_coroutine_threadsafe(queue.put(what), loop).result()

    def read() -> None:
        try:
            for block in found:
                hand_over(block)
            hand_over(None)
        except RuntimeError:
            return  # the loop is gone, and nobody wants it any more
        except MeterboxError as fault:
            hand_over(fault)

    Thread(target=read, name="reader", daemon=True).start()
    while (got := await queue.get()) is not None:
        if isinstance(got, BaseException):
            raise got
        yield got


def _split(source: Source, block: Block, read: int) -> Iterator[Piece]:
    rows = [row for row in zip(block.lines, block.values, strict=True) if row[0] > read]
    rows_left, share = iter(rows), block.size // max(1, -(-len(rows) // MOST))
    while part := list(islice(rows_left, MOST)):
        events, unread = [], []
        for line, value in part:
            if isinstance(value, Mapping):
                events.append(_identified(line, value))
            else:
                unread.append((line, value.why if isinstance(value, Unread) else "is no object"))
        at = None if source.id is None else Position(source.id, part[-1][0])
        yield Piece(events, unread, at, share)


def _identified(line: int, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event with a messageId, which Segment would make up: here from its line and text, so
    that it is the same whenever the file is read again."""
    if event.get("messageId"):
        return event
    made = sha256(b"%d:%s" % (line, orjson.dumps(event, option=orjson.OPT_SORT_KEYS)))
    return {**event, "messageId": f"meterbox-{made.hexdigest()[:32]}"}
