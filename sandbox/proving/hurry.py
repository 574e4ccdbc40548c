"""An event loop whose time is made up: when all wait, it leaps to when the first need not."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from contracts.model import MeterboxError

__all__ = ["Stuck", "hurried"]

T = TypeVar("T")


class Stuck(MeterboxError):
    """Everything waits, and for nothing that could ever happen."""

    def __init__(self) -> None:
        super().__init__("Nothing is left that could happen, and not everything is done.")


class _Leaping(selectors.SelectSelector):
    """Does not wait, but notes how long it would have."""

    leapt = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise Stuck
        self.leapt += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.leapt


def hurried(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, at once however long it waits: no order depends on the machine.

    Raises Stuck when it would wait for ever.
    """
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)
