"""What a value is, by its form, and a field, by the words of its name."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

__all__ = ["Kind", "kind", "money", "quantity", "remainder"]

Kind = Literal["number", "email", "phone", "card", "digits"]
"""`card` is written in groups, as people do; `digits` are a card's by chance one time in ten."""

NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")
EMAIL = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-zA-Z]{2,24}\b")
PHONE = re.compile(r"(?<![\w+])\+[1-9][0-9]{0,2}[ .(-]{0,2}(?:[0-9]{1,4}[ .()/-]{0,2}){2,6}(?!\w)")
GROUPS = re.compile(r"(?<![\w-])[0-9]{4}([ -])[0-9]{4,6}\1[0-9]{4,5}(?:\1[0-9]{4})?(?![\w-])")
CARD = re.compile(
    r"4[0-9]{15}|5[1-5][0-9]{14}|2[2-7][0-9]{14}|3[47][0-9]{13}|6(?:011|5[0-9]{2})[0-9]{12}"
)
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
LONG = 1_000
"""Characters of a text that are looked at."""
DUST = re.compile(r"\.[0-9]*?(?:0{6,}|9{6,})[0-9]{1,4}$")


def kind(text: str) -> Kind | None:
    """What a text holds that does not belong into a property as text; None for any other."""
    if NUMBER.fullmatch(text):
        return "digits" if _card(text) else "number"
    if len(text) > LONG:
        text = text[:LONG]
    if "@" in text and EMAIL.search(text):
        return "email"
    if "+" in text and (found := PHONE.search(text)) and _digits(found[0]) in range(8, 16):
        return "phone"
    groups = GROUPS.search(text)
    if groups and _card(re.sub(r"\D", "", groups[0])):
        return "card"
    return "digits" if _card(text) else None


def quantity(name: str) -> bool | None:
    """Whether a field of that name is a quantity; None for one that is a name of something,
    though it may consist of digits."""
    words = _words(name)
    if words and words[-1] in _lists()["names"]:
        return None
    return money(name) or any(word in _lists()["quantities"] for word in words)


def money(name: str) -> bool:
    """Whether a field of that name holds money."""
    return any(word in _lists()["money"] for word in _words(name))


def remainder(value: float) -> bool:
    """Whether a number ends in what is left of reckoning with floats."""
    return DUST.search(repr(value)) is not None


@cache
def _lists() -> dict[str, frozenset[str]]:
    """Words that names consist of, by what they tell of a field."""
    text = (Path(__file__).parent / "words.json").read_text(encoding="utf-8")
    return {name: frozenset(words) for name, words in json.loads(text).items()}


@lru_cache(1024)  # the same few names, in every event
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in WORDS.findall(name.rpartition(".")[2]))


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _card(digits: str) -> bool:
    """Whether these are the digits of a payment card: a known beginning, and Luhn's sum."""
    if not CARD.fullmatch(digits):
        return False
    turned = [int(digit) for digit in reversed(digits)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in turned[1::2]]
    return (sum(turned[::2]) + sum(doubled)) % 10 == 0
