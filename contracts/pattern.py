"""A text that fits a regular expression, where the expression is a plain one."""

from __future__ import annotations

import re
import string
from random import Random

__all__ = ["Unfit", "written"]

WORD = string.ascii_letters + string.digits
KINDS = {"d": string.digits, "w": WORD, "s": " "}
OTHERS = {"D": "x", "W": "-", "S": WORD}
CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
COUNTED = re.compile(r"(?=[0-9,])([0-9]{0,4})(?:(,)([0-9]{0,4}))?")
MORE = 6
"""How often what may be repeated without end is written beyond its least."""


class Unfit(ValueError):
    """The expression has something that is not written here, such as a look-ahead."""


def written(pattern: str, chance: Random) -> str:
    """One of the texts that fit. Raises Unfit."""
    writer = _Writer(pattern, chance)
    text = writer.choice()
    if writer.at < len(pattern):
        raise Unfit(pattern)
    return text


class _Writer:
    """Reads an expression from left to right and writes as it goes."""

    def __init__(self, pattern: str, chance: Random) -> None:
        self.pattern, self.chance, self.at = pattern, chance, 0

    def choice(self) -> str:
        """One of the branches between bars, up to a closing bracket or the end."""
        branches = [self._branch()]
        while self._next("|"):
            branches.append(self._branch())
        return self.chance.choice(branches)

    def _branch(self) -> str:
        parts = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            parts.append(self._piece())
        return "".join(parts)

    def _piece(self) -> str:
        """An atom as often as its quantifier says, each time written anew."""
        start = self.at
        texts = [self._atom()]
        least, most = self._times()
        end = self.at
        count = self.chance.randint(least, most)
        while len(texts) < count:
            self.at = start
            texts.append(self._atom())
        self.at = end
        return "".join(texts[:count])

    def _times(self) -> tuple[int, int]:
        if self._next("*"):
            times = (0, MORE)
        elif self._next("+"):
            times = (1, 1 + MORE)
        elif self._next("?"):
            times = (0, 1)
        elif self._next("{"):
            times = self._counted()
        else:
            return 1, 1
        self._next("?")  # a lazy quantifier fits the same texts
        return times

    def _counted(self) -> tuple[int, int]:
        told = COUNTED.fullmatch(self._until("}"))
        if told is None:
            raise Unfit(self.pattern)  # braces that count nothing stand for themselves
        least = int(told[1] or 0)
        if told[2] is None:
            return least, least
        most = int(told[3]) if told[3] else least + MORE
        if most < least:
            raise Unfit(self.pattern)
        return least, most

    def _atom(self) -> str:
        mark = self._take()
        if mark in "^$":
            return ""
        if mark == "(":
            return self._group()
        if mark == "[":
            return self.chance.choice(self._members())
        if mark == "\\":
            return self.chance.choice(self._escaped())
        if mark in "*+?{":
            raise Unfit(self.pattern)
        return self.chance.choice(WORD) if mark == "." else mark

    def _group(self) -> str:
        if self._next("?") and not self._next(":"):
            raise Unfit(self.pattern)
        text = self.choice()
        if not self._next(")"):
            raise Unfit(self.pattern)
        return text

    def _escaped(self) -> str:
        """The characters that an escape stands for."""
        mark = self._take()
        if mark in "bBAZ" or mark.isdigit() or mark in "uxpP":
            raise Unfit(self.pattern)
        return KINDS.get(mark) or OTHERS.get(mark) or CONTROL.get(mark, mark)

    def _members(self) -> str:
        """The characters of a class; of one that is negated, letters and digits not in it."""
        negated = self._next("^")
        found = self._member()
        while not self._next("]"):
            found += self._member()
        left = "".join(c for c in WORD if c not in found) if negated else found
        if not left:
            raise Unfit(self.pattern)
        return left

    def _member(self) -> str:
        mark = self._take()
        found = self._escaped() if mark == "\\" else mark
        ranged = self.pattern[self.at : self.at + 1] == "-"
        if len(found) > 1 or not ranged or self.pattern[self.at + 1 : self.at + 2] in ("]", ""):
            return found
        self.at += 1
        last = self._take()
        last = self._escaped() if last == "\\" else last
        if len(last) > 1:
            raise Unfit(self.pattern)
        return "".join(chr(code) for code in range(ord(found), ord(last) + 1))

    def _take(self) -> str:
        if self.at >= len(self.pattern):
            raise Unfit(self.pattern)
        self.at += 1
        return self.pattern[self.at - 1]

    def _next(self, mark: str) -> bool:
        """Whether `mark` comes next; if so it is taken."""
        if self.pattern[self.at : self.at + 1] != mark:
            return False
        self.at += 1
        return True

    def _until(self, mark: str) -> str:
        end = self.pattern.find(mark, self.at)
        if end < 0:
            raise Unfit(self.pattern)
        text, self.at = self.pattern[self.at : end], end + 1
        return text
