"""What an event counts for by the aggregators there are: their filters, and what they work out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import ge, gt, le, lt
from typing import Any

from sandbox.metering import Aggregation, literal
from sandbox.reply import Usage

__all__ = ["Aggregator", "Counted", "computed", "metered"]

FORMULA = "hyperline.aggregator.formula"
PROPERTY = "hyperline.aggregator.property"
UNMATCHED = "hyperline.aggregator.unmatched"
WORD = re.compile(
    r"\s*(?:(?P<every>count)\s*\(\s*\*\s*\)"
    r"|(?P<unique>count)\s*\(\s*distinct\s+(?P<differing>[A-Za-z_]\w*)\s*\)"
    r"|(?P<how>count|sum|min|max)\s*\(\s*(?P<of>[A-Za-z_]\w*)\s*\))\s*",
    re.IGNORECASE,
)
Shown = dict[str, Any]
Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Counted:
    """What an aggregator works out: of a property, or of the events themselves."""

    how: Aggregation
    of: str | None = None


@dataclass(slots=True)
class Aggregator:
    """An aggregator as Hyperline shows it, under the name that the ledger has for it; `counted` is
    None where its formula is not worked out here."""

    shown: Shown
    meter: str
    counted: Counted | None
    passes: Test = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.passes = _passing(self.shown["where"])

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the event is of its entity and passes its filter (rule
        hyperline.aggregator.where)."""
        return event["event_type"] == self.shown["entity"] and self.passes(event["record"])


def computed(shown: Mapping[str, Any]) -> Counted | None:
    """What an aggregator of these particulars works out (rule hyperline.aggregator.formula)."""
    how, of = shown["operation"], shown["property"]
    if how != "formula":
        return Counted(how, None if how == "count" else of)
    found = WORD.fullmatch(shown["formula_sql"])
    if found is None:
        return None
    if found["every"]:
        return Counted("count")
    if found["unique"]:
        return Counted("unique", found["differing"])
    hows: dict[str, Aggregation] = {"count": "count", "sum": "sum", "min": "min", "max": "max"}
    return Counted(hows[found["how"].lower()], found["of"])


def metered(
    event: Mapping[str, Any], name: str, payer: str, aggregators: Iterable[Aggregator]
) -> tuple[Usage, ...]:
    """What the event counts for, aggregator by aggregator; if for none, one usage that is not
    billed. `name` is its identity and `payer` whom the ledger bills."""
    found = tuple(
        _usage(event, name, payer, aggregator)
        for aggregator in aggregators
        if aggregator.matches(event)
    )
    return found or (Usage(name, payer, event["event_type"], 0, unbilled=UNMATCHED),)


def _usage(event: Mapping[str, Any], name: str, payer: str, aggregator: Aggregator) -> Usage:
    meter, counted = aggregator.meter, aggregator.counted
    if counted is None:
        return Usage(name, payer, meter, 0, unbilled=FORMULA)
    least = None if aggregator.shown["allow_negative_values"] else 0
    if counted.of is None:
        return Usage(name, payer, meter, 1)
    value = event["record"].get(counted.of)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or not (number or counted.how in ("count", "unique")):
        return Usage(name, payer, meter, 0, unbilled=PROPERTY)
    if counted.how == "count":
        return Usage(name, payer, meter, 1)
    if counted.how == "unique":
        return Usage(name, payer, meter, 1, "unique", literal(value))
    return Usage(name, payer, meter, value, counted.how, least=least)


def _passing(where: Mapping[str, Any] | None) -> Test:
    """A filter made ready, since every event is put to it: what a record must be to pass."""
    if where is None or not where["fields"]:
        return lambda _: True
    tests = [(one["property"], _test(one)) for one in where["fields"]]
    enough = any if where["conditional"] == "or" else all
    return lambda record: enough(test(record.get(name)) for name, test in tests)


def _test(field: Mapping[str, Any]) -> Test:
    operator = field["operator"]
    if operator in NULLS:
        return NULLS[operator]
    test = TESTS[operator](field["value"])
    return lambda value: value is not None and test(value)


def _among(asked: Iterable[Any]) -> Test:
    """Whether a value is one of these; those of different types are never equal."""
    known = {literal(one) for one in asked}
    return lambda value: literal(value) in known


def _not(test: Test) -> Test:
    return lambda value: not test(value)


def _text(test: Callable[[str, str], bool]) -> Callable[[str], Test]:
    return lambda asked: lambda value: isinstance(value, str) and test(value, asked)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    """A comparison of two numbers or of two texts; no other values are in an order."""

    def comparing(asked: Any) -> Test:
        kind = _kind(asked)
        return lambda value: kind == _kind(value) != "other" and test(value, asked)

    return comparing


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else "other"


NULLS: Mapping[str, Test] = {
    "isNull": lambda value: value is None,
    "isNotNull": lambda value: value is not None,
}
TESTS: Mapping[str, Callable[[Any], Test]] = {
    "equals": lambda asked: _among([asked]),
    "not": lambda asked: _not(_among([asked])),
    "in": _among,
    "notIn": lambda asked: _not(_among(asked)),
    "lt": _ordered(lt),
    "lte": _ordered(le),
    "gt": _ordered(gt),
    "gte": _ordered(ge),
    "contains": _text(lambda value, asked: asked in value),
    "startsWith": _text(str.startswith),
    "endWith": _text(str.endswith),
    "endsWith": _text(str.endswith),
}
