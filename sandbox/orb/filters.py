"""Deprecation filters: a boolean expression over an event's properties, read once and asked often.

What is understood: comparisons with numbers, texts and booleans, IN, IS NULL, AND, OR, NOT and
parentheses (rule orb.backfill.filter). As in SQL, a property that is missing makes a comparison
neither true nor false, and only what is true matches.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Match", "Unreadable", "read"]

TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r'|(?P<quoted>"[^"]+")'
    r"|(?P<word>[A-Za-z_][\w.]*)"
    r"|(?P<sign><=|>=|<>|!=|=|<|>|\(|\)|,))",
    re.ASCII,
)
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
WORDS = frozenset({"AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE"})
DEEPEST = 50

Event = Mapping[str, Any]
Match = Callable[[Event], bool]
Value = Callable[[Event], Any]
Token = tuple[str, str]


class Unreadable(ValueError):
    """An expression outside what is understood."""


def read(expression: str) -> Match:
    """Whether an event matches the expression. Raises Unreadable."""
    reader = _Reader(_tokens(expression))
    test = reader.any(0)
    if reader.left:
        raise Unreadable(f"{reader.left[0][1]!r} was not expected")
    return lambda event: test(event) is True


def _tokens(expression: str) -> list[Token]:
    found: list[Token] = []
    at, text = 0, expression.rstrip()
    while at < len(text):
        token = TOKEN.match(text, at)
        if token is None or token.lastgroup is None:
            raise Unreadable(f"{text[at:].strip()[:20]!r} was not understood")
        found.append((token.lastgroup, token[token.lastgroup]))
        at = token.end()
    return found


class _Reader:
    """Reads an expression from left to right; `left` is what was not read yet."""

    def __init__(self, tokens: list[Token]) -> None:
        self.left = tokens

    def any(self, depth: int) -> Value:
        """One or more alternatives joined by OR."""
        if depth > DEEPEST:
            raise Unreadable(f"it is nested more than {DEEPEST} deep")
        tests = [self.all(depth)]
        while self._takes("OR"):
            tests.append(self.all(depth))
        return lambda event: _either([test(event) for test in tests])

    def all(self, depth: int) -> Value:
        """One or more conditions joined by AND."""
        tests = [self.one(depth)]
        while self._takes("AND"):
            tests.append(self.one(depth))
        return lambda event: _both([test(event) for test in tests])

    def one(self, depth: int) -> Value:
        """A condition, perhaps turned round or in parentheses."""
        if depth > DEEPEST:
            raise Unreadable(f"it is nested more than {DEEPEST} deep")
        if self._takes("NOT"):
            test = self.one(depth + 1)
            return lambda event: _not(test(event))
        if self._takes("("):
            inner = self.any(depth + 1)
            self._demand(")")
            return inner
        return self._condition(self._value())

    def _condition(self, left: Value) -> Value:
        if self._takes("IS"):
            wanted = not self._takes("NOT")
            self._demand("NULL")
            return lambda event: (left(event) is None) is wanted
        if self._takes("NOT"):
            self._demand("IN")
            test = self._among(left)
            return lambda event: _not(test(event))
        if self._takes("IN"):
            return self._among(left)
        if self.left and self.left[0][1] in COMPARE:
            sign = self.left.pop(0)[1]
            right = self._value()
            return lambda event: _compared(COMPARE[sign], left(event), right(event))
        return lambda event: value if isinstance(value := left(event), bool) else None

    def _among(self, left: Value) -> Value:
        self._demand("(")
        values = [self._value()]
        while self._takes(","):
            values.append(self._value())
        self._demand(")")
        equal = operator.eq
        return lambda event: _either([_compared(equal, left(event), v(event)) for v in values])

    def _value(self) -> Value:
        kind, text = self.left.pop(0) if self.left else ("end", "the end")
        if kind == "text":
            return _always(text[1:-1].replace("''", "'"))
        if kind == "number":
            return _always(int(text) if re.fullmatch(r"-?\d{1,19}", text) else float(text))
        if kind == "word" and text.upper() in ("TRUE", "FALSE"):
            return _always(text.upper() == "TRUE")
        if kind == "quoted" or (kind == "word" and text.upper() not in WORDS):
            return _property(text.strip('"'))
        raise Unreadable(f"{text!r} was not expected")

    def _takes(self, word: str) -> bool:
        """Whether this word is next; if so, it is read."""
        if not self.left or self.left[0][0] in ("text", "quoted"):
            return False
        if self.left[0][1].upper() != word:
            return False
        self.left.pop(0)
        return True

    def _demand(self, word: str) -> None:
        if not self._takes(word):
            raise Unreadable(f"{word} was expected")


def _always(value: Any) -> Value:
    return lambda _: value


def _property(name: str) -> Value:
    """A property of the event; event_name is its name unless a property is called so."""

    def value(event: Event) -> Any:
        properties = event["properties"]
        if name == "event_name" and name not in properties:
            return event["event_name"]
        return properties.get(name)

    return value


def _compared(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool | None:
    kinds = {_kind(left), _kind(right)}
    if len(kinds) != 1 or None in kinds:
        return None
    return compare(left, right)


def _kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


def _either(told: list[bool | None]) -> bool | None:
    if True in told:
        return True
    return None if None in told else False


def _both(told: list[bool | None]) -> bool | None:
    if False in told:
        return False
    return None if None in told else True


def _not(told: bool | None) -> bool | None:
    return None if told is None else not told
