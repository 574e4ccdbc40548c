"""Properties: numbers as text, money as floats, personal data, and too many values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.lint import advice, words
from sandbox.lint.advice import Level
from sandbox.lint.cause import Cause, Tally
from sandbox.lint.usage import Usage

__all__ = ["DIFFERENT", "NAMES", "Properties"]

NAMES = 200
"""Properties that are told apart; more are not looked at."""
DIFFERENT = 4_096
"""Values of one property that are told apart."""
MANY = 1_000
"""Events, below which nobody can say that values are too many."""
DEEPEST = 4
EXACT = 2**20
"""A float that is a whole number of so small parts holds what was meant."""
PERSONAL = {"email": "an email address", "phone": "a phone number", "card": "a card number"}


class Properties:
    """Looks at every property by its name; `numbers` are the places where numbers may stand."""

    def __init__(self, numbers: tuple[str, ...]) -> None:
        self._numbers = numbers
        self._found: dict[str, _Property] = {}
        self._passed_over = 0

    def see(self, usage: Usage) -> None:
        prefix, known = usage.prefix, self._found
        for name, value in usage.fields.items():
            whole = prefix + name
            if whole in known and not isinstance(value, dict | list):
                known[whole].see(value, usage)
            else:
                self._look(whole, value, usage, 0)

    def unjudged(self) -> Iterator[str]:
        """What was not looked at, in a sentence."""
        if self._passed_over:
            yield (
                f"{self._passed_over:,} values were not looked at: there are more than "
                f"{NAMES} properties"
            )

    def causes(self) -> Iterator[Cause]:
        """What the properties seen so far come to."""
        for found in self._found.values():
            yield from found.causes()

    def _look(self, name: str, value: Any, usage: Usage, depth: int) -> None:
        if isinstance(value, dict | list):
            if depth < DEEPEST:
                inner = value.items() if isinstance(value, dict) else (("", v) for v in value)
                for key, one in inner:
                    self._look(f"{name}.{key}" if key else f"{name}[]", one, usage, depth + 1)
            return
        found = self._found.get(name) or self._new(name)
        if found is None:
            self._passed_over += 1
        else:
            found.see(value, usage)

    def _new(self, name: str) -> _Property | None:
        if len(self._found) >= NAMES:
            return None
        numeric = any(name == at or name.startswith(f"{at}.") for at in self._numbers)
        made = self._found[name] = _Property(name, numeric)
        return made


@dataclass(slots=True)
class _Property:
    """One property: how many values of which kind, and the kind of each text that is told apart.

    `many` is the number of texts by which there were as many different ones as are kept.
    """

    name: str
    numeric: bool
    numbers: int = 0
    texts: int = 0
    many: int = 0
    kinds: dict[int, words.Kind | None] = field(default_factory=dict)
    tallies: dict[words.Kind, Tally] = field(default_factory=dict)
    money: Tally = field(default_factory=Tally)
    remainders: Tally = field(default_factory=Tally)
    places: Tally = field(default_factory=Tally)

    def see(self, value: Any, usage: Usage) -> None:
        if type(value) is str:
            self._text(value, usage)
        elif type(value) is int:
            self.numbers += 1
            if value > 10**14 and words.kind(str(value)) == "digits":
                self._tally("digits").add(usage.place(self.name))
        elif type(value) is float:
            self.numbers += 1
            if not (value * EXACT).is_integer():
                self._fraction(value, usage)

    def causes(self) -> Iterator[Cause]:
        yield from self._as_text()
        yield from self._fractions()
        yield from self._personal()
        if self.texts >= MANY and self._different() >= 0.9:
            told = f"{self.name} has {len(self.kinds):,} different values in the first "
            told += f"{self.many or self.texts:,} events that have it"
            places = Tally(self.texts, self.places.places)
            yield places.cause(advice.read()["lint.property.many-values"], told)

    def _text(self, value: str, usage: Usage) -> None:
        self.texts += 1
        if self.texts <= 3:
            self.places.add(usage.place(self.name))
        hashed = hash(value)
        if hashed in self.kinds:
            kind = self.kinds[hashed]
        else:
            kind = words.kind(value)
            if len(self.kinds) < DIFFERENT:
                self.kinds[hashed] = kind
            elif not self.many:
                self.many = self.texts - 1
        if kind is not None:
            self._tally(kind).add(usage.place(self.name))

    def _tally(self, kind: words.Kind) -> Tally:
        return self.tallies.setdefault(kind, Tally())

    def _fraction(self, value: float, usage: Usage) -> None:
        if words.remainder(value):
            self.remainders.add(usage.place(self.name))
        elif words.money(self.name):
            self.money.add(usage.place(self.name))

    def _different(self) -> float:
        return len(self.kinds) / (self.many or self.texts)

    def _as_text(self) -> Iterator[Cause]:
        """Text that is a number: surely meant as one where others are, or where its name says."""
        found, quantity = self.tallies.get("number"), words.quantity(self.name)
        if found is None or not self.numeric or quantity is None:
            return
        if found.count < self.texts and not self.numbers and not quantity:
            return  # now and then a text is a number by chance
        level: Level | None = None if quantity or self.numbers else "note"
        told = f"{self.name} is a number in quotes"
        if self.numbers:
            told += f"; {self.numbers:,} times it is without"
        yield found.cause(advice.read()["lint.value.number-text"], told, level=level)

    def _fractions(self) -> Iterator[Cause]:
        known = advice.read()
        if self.money.count:
            told = f"{self.name} is money with a fraction, as a float"
            yield self.money.cause(known["lint.value.money-float"], told)
        if self.remainders.count:
            told = f"{self.name} ends in a remainder of floats"
            yield self.remainders.cause(known["lint.value.float-remainder"], told)

    def _personal(self) -> Iterator[Cause]:
        rule = advice.read()["lint.property.personal"]
        for kind, what in PERSONAL.items():
            found = self.tallies.get(kind)  # type: ignore[call-overload]  # a word of PERSONAL is one
            if found is not None:
                yield found.cause(rule, f"{self.name} holds {what} (not shown)")
        digits = self.tallies.get("digits")
        # Of any long numbers one in ten passes for a card's: of cards, all do.
        if digits is not None and digits.count * 2 > self.texts + self.numbers:
            yield digits.cause(rule, f"{self.name} holds card numbers (not shown)")
