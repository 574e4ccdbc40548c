"""A vendor's rate limits on one account's clock; off until asked for, being live ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import ceil

from contracts.model import Limit

__all__ = ["Window", "Windows"]


class Window:
    """One limit's current window: how much is left, and when it starts anew."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.start = 0
        self.used = 0

    def holds(self, count: int, now: datetime) -> bool:
        """Whether the window of `now` has so much left."""
        start = int(now.timestamp()) // self.limit.seconds * self.limit.seconds
        if start != self.start:
            self.start, self.used = start, 0
        return self.used + count <= self.limit.most

    def retry_after(self, now: datetime) -> int:
        """Whole seconds until the window starts anew, at least one."""
        return max(1, ceil(self.start + self.limit.seconds - now.timestamp()))

    @property
    def left(self) -> int:
        return self.limit.most - self.used


class Windows:
    """An account's windows, one for each limit of its vendor."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self._windows = [Window(limit) for limit in limits]

    def window(self, endpoint: str, *, mode: str) -> Window | None:
        """The first window that counts this endpoint in this mode."""
        for window in self._windows:
            if window.limit.mode == mode and endpoint in window.limit.endpoints:
                return window
        return None

    def exceeded(self, endpoint: str, events: int, now: datetime, *, mode: str) -> Window | None:
        """Count one request of so many events; the window that is too full for it, if any."""
        counted = [
            (window, 1 if window.limit.counts == "requests" else events)
            for window in self._windows
            if window.limit.mode == mode and endpoint in window.limit.endpoints
        ]
        for window, count in counted:
            if not window.holds(count, now):
                return window
        for window, count in counted:
            window.used += count
        return None
