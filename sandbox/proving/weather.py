"""The faults of an account whose own clock stands still: they come and go by another clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from sandbox.faults import Fault, Faults

__all__ = ["Weather"]


class Weather(Faults):
    """`planned` strikes requests by their number, from 1; others are struck as faults have it.

    `struck` tells what has struck, by the request's number.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        faults: Iterable[Fault] = (),
        planned: Mapping[int, Fault] | None = None,
    ) -> None:
        super().__init__()
        self._now, self._planned = now, dict(planned or {})
        self.requests = 0
        self.struck: list[tuple[int, Fault]] = []
        for fault in faults:
            self.add(fault, now())

    def __bool__(self) -> bool:
        return True  # every request is counted

    def strike(self, endpoint: str | None, now: datetime) -> Fault | None:
        self.requests += 1
        fault = self._planned.get(self.requests) or super().strike(endpoint, self._now())
        if fault is not None:
            self.struck.append((self.requests, fault))
        return fault
