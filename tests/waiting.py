"""Waiting for what happens in its own time: a delivery, a webhook, what another process writes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["until"]

Found = TypeVar("Found")


def until(look: Callable[[], Found], seconds: float = 30) -> Found:
    """What `look` finds, once it is true; AssertionError when it is not in time."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"it did not come about: {found!r}"
        time.sleep(0.01)
    return found
