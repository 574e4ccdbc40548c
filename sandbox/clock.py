"""The only source of time. An account's clock runs with the wall clock until told otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["Clock", "Wall", "iso", "parse", "wall"]

Wall = Callable[[], datetime]


def wall() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


def parse(text: str) -> datetime:
    """An RFC 3339 or ISO 8601 time as UTC; no offset means UTC. Raises ValueError."""
    at = datetime.fromisoformat(text.upper())
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def iso(at: datetime) -> str:
    """`2026-01-15T12:00:00.000Z`: UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Clock:
    """One account's time: it can be frozen, set, advanced and let run again."""

    def __init__(self, source: Wall = wall) -> None:
        self._wall = source
        self._ahead = timedelta()
        self._frozen: datetime | None = None
        self._changed: asyncio.Event | None = None

    def now(self) -> datetime:
        return self._frozen if self._frozen is not None else self._wall() + self._ahead

    def machine(self) -> datetime:
        """The machine's own time, whatever this clock was told: for what other programs compare."""
        return self._wall()

    @property
    def frozen(self) -> bool:
        return self._frozen is not None

    def freeze(self, at: datetime | None = None) -> None:
        """Stand still at `at`, or where the clock is."""
        self._frozen = at if at is not None else self.now()
        self._tell()

    def set(self, at: datetime) -> None:
        """Go to `at`; a running clock runs on from there, a frozen one stays."""
        if self._frozen is not None:
            self._frozen = at
        else:
            self._ahead = at - self._wall()
        self._tell()

    def advance(self, by: timedelta) -> None:
        self.set(self.now() + by)

    def run(self) -> None:
        """Run again from where the clock stands."""
        if self._frozen is not None:
            self._ahead, self._frozen = self._frozen - self._wall(), None
        self._tell()

    async def sleep(self, length: timedelta) -> None:
        """Return once `length` has passed on this clock, however it passes."""
        until = self.now() + length
        while (left := (until - self.now()).total_seconds()) > 0:
            if self._changed is None:
                self._changed = asyncio.Event()
            try:
                await asyncio.wait_for(self._changed.wait(), None if self.frozen else left)
            except TimeoutError:
                continue

    @property
    def state(self) -> dict[str, Any]:
        """How the clock is set: frozen at a time, or so many seconds ahead of the wall clock."""
        frozen = None if self._frozen is None else self._frozen.isoformat()
        return {"frozen": frozen, "ahead": self._ahead.total_seconds()}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        frozen = state["frozen"]
        stands = None if frozen is None else parse(frozen)
        self._frozen, self._ahead = stands, timedelta(seconds=state["ahead"])
        self._tell()

    def _tell(self) -> None:
        """Wake sleepers, who look at the time again."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None
