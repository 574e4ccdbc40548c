"""A chart over time: what happened in each of some equal stretches, as stacked bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from contracts import durations
from sandbox.clock import iso

__all__ = ["Bar", "Chart", "chart"]

BARS, LEAST = 60, 24
"""How many stretches there are at most, and at the least."""
MINUTE, HOUR, DAY = 60, 3_600, 86_400
STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE),
    *(HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
    *(DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY, 3_650 * DAY),
)
"""Seconds that a stretch may last."""
TOP = 86.0
"""Of the height of the chart, in percent, what the highest bar takes; names are above it."""


Word = TypeVar("Word", bound=str)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar. Lengths are percentages of the chart."""

    word: str
    count: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch in which something happened."""

    start: str
    shown: str
    counts: Mapping[str, int]
    x: float
    parts: Sequence[Part]

    @property
    def count(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Chart:
    """`words` are the pieces from the bottom up, `most` is what the highest bar comes to, `step`
    how long a stretch is; `ticks` are times with where they are."""

    words: Sequence[str]
    bars: Sequence[Bar]
    width: float
    most: int
    step: str
    ticks: Sequence[tuple[float, str, str]]
    first: str
    last: str


def chart(times: Mapping[tuple[datetime, Word], int], words: Iterable[Word]) -> Chart | None:
    """Counts at times, by word; None where there are none."""
    if not times:
        return None
    step, first, count = _stretches([at.timestamp() for at, _ in times])
    counted: dict[int, Counter[str]] = {}
    for (at, word), many in times.items():
        counted.setdefault(int(at.timestamp()) // step, Counter())[word] += many
    most = max(sum(counts.values()) for counts in counted.values())
    order = [word for word in words if any(word in counts for counts in counted.values())]
    width = 100 / count
    bars = [
        _bar(number, (number - first) * width, counted[number], order, step, most)
        for number in sorted(counted)
    ]
    ends = (first, first + count // 2, first + count)
    ticks = [
        (place, anchor, _shown(number * step, step))
        for place, anchor, number in zip(
            (0, 50, 100), ("start", "middle", "end"), ends, strict=True
        )
    ]
    length = durations.text(timedelta(seconds=step))
    return Chart(order, bars, width * 0.82, most, length, ticks, bars[0].shown, bars[-1].shown)


def _stretches(at: Sequence[float]) -> tuple[int, int, int]:
    """How long each is, the number of the first, and how many there are."""
    low, high = int(min(at)), int(max(at))
    step = next((s for s in STEPS if high // s - low // s < BARS), STEPS[-1])
    first, count = low // step, high // step - low // step + 1
    if count < LEAST:  # a few bars at the right, and not one as wide as the page
        return step, first - (LEAST - count), LEAST
    return step, first, count


def _bar(
    number: int, x: float, counts: Mapping[str, int], order: Sequence[str], step: int, most: int
) -> Bar:
    parts, base = [], 100.0
    for word in order:
        if counts.get(word):
            height = counts[word] * TOP / most
            base -= height
            parts.append(Part(word, counts[word], round(base, 3), round(height, 3)))
    at = number * step
    start = iso(datetime.fromtimestamp(at, UTC))
    return Bar(start, _shown(at, step), {w: counts.get(w, 0) for w in order}, round(x, 3), parts)


def _shown(at: int, step: int) -> str:
    """A time as exact as the stretches are."""
    form = "%H:%M:%S" if step < MINUTE else "%d %b %H:%M" if step < DAY else "%d %b %Y"
    return datetime.fromtimestamp(at, UTC).strftime(form)
