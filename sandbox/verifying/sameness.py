"""Whether two runs were told the same, but for what no two runs have in common: the time, the
identifiers that the run made, and those that the target made, if one is always another's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.clock import parse

__all__ = ["Moment", "Renaming", "outline"]

TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)"
    r"|(?<![\w.-])1\d{9}(?:\d{3})?(?![\w.-])"
)
HIDDEN = re.compile(r"\S*…\(\d+[^)]*\)")
WORD = re.compile(r"[\w-]+")
NAMED = re.compile(
    r"(?:^|_|-)(?:id|uuid|token|cursor)s?$|(?:Id|ID|Uuid|Token|Cursor)s?$|^iterator$"
)
"""How fields are called that hold an identifier."""
SHORTEST, RESTLESS = 8, 4
NEAR, DAY = timedelta(minutes=10), timedelta(days=2)
MILLIS = 10**12


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was said, by the target's clock and by ours, and in which run."""

    now: datetime
    wall: datetime
    run: str


@dataclass
class Renaming:
    """What is called otherwise in the `new` run than in the `old`, learned as it is met."""

    old: Moment
    new: Moment
    names: dict[str, str] = field(default_factory=dict)
    back: dict[str, str] = field(default_factory=dict)

    def same(self, old: Any, new: Any, key: str = "") -> bool:
        """Whether two values are the same; `key` is what they are called."""
        if isinstance(old, bool) or isinstance(new, bool) or old is None or new is None:
            return old is new
        if isinstance(old, str) and isinstance(new, str):
            return self._texts(old, new, key)
        if isinstance(old, int | float) and isinstance(new, int | float):
            return old == new or self._numbers(old, new, key)
        return bool(old == new)

    def tried(self, old: Any, new: Any) -> bool:
        """Whether two values, of any kind, would be the same; nothing is learned of that."""
        if isinstance(old, dict | list) or isinstance(new, dict | list):
            return bool(old == new)
        return Renaming(self.old, self.new, {**self.names}, {**self.back}).same(old, new)

    def _numbers(self, old: float, new: float, key: str) -> bool:
        if NAMED.search(key) is not None:
            return self._renamed(str(old), str(new))
        at = str(int(old)), str(int(new))
        return all(map(TIME.fullmatch, at)) and self._times(*at)

    def _texts(self, old: str, new: str, key: str) -> bool:
        old, new = self._plain(old, self.old.run), self._plain(new, self.new.run)
        if old == new:
            return True
        times = TIME.findall(old), TIME.findall(new)
        if len(times[0]) != len(times[1]) or not all(map(self._times, *times)):
            return False
        old, new = TIME.sub("{time}", old), TIME.sub("{time}", new)
        if old == new:
            return True
        named = NAMED.search(key) is not None and WORD.fullmatch(old) and WORD.fullmatch(new)
        if named and _prefix(old) == _prefix(new):
            return self._renamed(old, new)
        return self._words(old, new)

    def _words(self, old: str, new: str) -> bool:
        """Whether all is the same but for words that are names."""
        if WORD.sub("", old) != WORD.sub("", new):
            return False
        pairs = zip(WORD.findall(old), WORD.findall(new), strict=False)
        return all(
            was == now or (_alike(was, now) and self._renamed(was, now)) for was, now in pairs
        )

    def _renamed(self, old: str, new: str) -> bool:
        """Whether this is always called that."""
        return self.names.setdefault(old, new) == new and self.back.setdefault(new, old) == old

    def _times(self, old: str, new: str) -> bool:
        """Whether two times are as long ago, and written alike."""
        if old == new:
            return True
        if _written(old) != _written(new):
            return False
        then, now = _moment(old), _moment(new)
        if then is None or now is None:
            return False
        there = abs((then - self.old.now) - (now - self.new.now))
        here = abs((then - self.old.wall) - (now - self.new.wall))
        return min(here, there) < (DAY if len(old) == len("2026-01-15") and "-" in old else NEAR)

    @staticmethod
    def _plain(text: str, run: str) -> str:
        return HIDDEN.sub("{hidden}", text.replace(run, "{run}"))


def outline(text: str) -> str:
    """A text without what differs from run to run: what is left is the same in all of them."""
    text = HIDDEN.sub("*", TIME.sub("*", text))
    return WORD.sub(lambda word: "*" if _made(word[0]) else word[0], text)


def _made(word: str) -> bool:
    """Whether a word looks like a name that a program made up."""
    if len(word) < SHORTEST:
        return False
    if any(map(str.isdigit, word)):
        return True
    turns = sum(a.isupper() is not b.isupper() for a, b in _neighbours(word))
    return turns >= RESTLESS


def _alike(old: str, new: str) -> bool:
    """Whether two words are names made the same way: as long, and beginning alike where one says
    what it names."""
    if not _made(old) or not _made(new):
        return False
    sized = len(old) == len(new) or (old.isdigit() and new.isdigit())
    return sized and _prefix(old) == _prefix(new)


def _prefix(name: str) -> str:
    """The beginning of a name that says what it names, such as `cus_`."""
    found = re.match(r"[A-Za-z]+[_-]", name)
    return found[0] if found is not None else ""


def _neighbours(word: str) -> Iterator[tuple[str, str]]:
    return zip(word, word[1:], strict=False)


def _written(time: str) -> str:
    """How a time is written: the digits of its fraction do not count."""
    return re.sub(r"\d", "0", re.sub(r"\.\d+", "", time))


def _moment(text: str) -> datetime | None:
    try:
        if text.isdigit():
            seconds = int(text) / (1000 if int(text) >= MILLIS else 1)
            return datetime.fromtimestamp(seconds, UTC)
        return parse(text)
    except (ValueError, OverflowError):
        return None
