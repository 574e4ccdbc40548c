"""Lengths of time as people write them: `12h`, `5m`, `34d`, `90s`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

__all__ = ["parse", "text"]

UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
WHOLE = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?[dhms])+")
LONGEST, NONE = timedelta(days=36_500), timedelta()
PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([dhms])")


def parse(written: str) -> timedelta:
    """`"1h30m"` as a timedelta. Raises ValueError for anything else, and for over 100 years."""
    if not WHOLE.fullmatch(written):
        raise ValueError(f"{written!r} is not a length of time such as 12h, 5m or 1h30m")
    try:
        length = sum((timedelta(**{UNITS[u]: float(n)}) for n, u in PART.findall(written)), NONE)
    except OverflowError:
        length = timedelta.max
    if length > LONGEST:
        raise ValueError(f"{written!r} is more than {LONGEST.days} days")
    return length


def text(length: timedelta) -> str:
    """A timedelta as people write it: `"12h"`."""
    left, parts = length.total_seconds(), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        count, left = divmod(left, size)
        parts.append(f"{int(count)}{unit}" if count else "")
    parts.append(f"{left:g}s" if left else "")
    return "".join(parts) or "0s"
