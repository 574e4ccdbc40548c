"""The events of one request, kept as the bytes they came in and read again when somebody asks.

Parsed, an event takes about a kilobyte and the garbage collector's time; as bytes, a fifth of it
and none. Requests are many and questions about them few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, overload

__all__ = ["Batch"]

Read = Callable[[bytes], list[Any]]


class Batch(Sequence[Any]):
    """`count` events that `read` finds in `raw`; `received` is when they came, and `turn` their
    place among what happened at that time, for who counts that."""

    __slots__ = ("_count", "_raw", "_read", "received", "turn")

    def __init__(
        self, raw: bytes, count: int, read: Read, received: datetime, turn: int = 0
    ) -> None:
        self._raw = raw
        self._count = count
        self._read = read
        self.received = received
        self.turn = turn

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        return iter(self._read(self._raw))

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._read(self._raw)[index]
