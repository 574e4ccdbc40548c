"""What an event counts for by the aggregators there are: their filters, and what they work out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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
Test = Callable[[Any, Any], bool]


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

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the event is of its entity and passes its filter (rule
        hyperline.aggregator.where)."""
        return event["event_type"] == self.shown["entity"] and _passes(
            event["record"], self.shown["where"]
        )


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


def _passes(record: Mapping[str, Any], where: Mapping[str, Any] | None) -> bool:
    if where is None or not where["fields"]:
        return True
    passed = (_tested(record, field) for field in where["fields"])
    return any(passed) if where["conditional"] == "or" else all(passed)


def _tested(record: Mapping[str, Any], field: Mapping[str, Any]) -> bool:
    value, operator = record.get(field["property"]), field["operator"]
    if operator in NULLS:
        return (value is None) is NULLS[operator]
    return value is not None and TESTS[operator](value, field["value"])


def _text(test: Callable[[str, str], bool]) -> Test:
    return lambda value, asked: isinstance(value, str) and test(value, asked)


def _ordered(test: Test) -> Test:
    """A comparison of two numbers or of two texts; no other values are in an order."""

    def compared(value: Any, asked: Any) -> bool:
        kinds = {_kind(value), _kind(asked)}
        return kinds in ({"number"}, {"text"}) and test(value, asked)

    return compared


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else "other"


def _same(value: Any, asked: Any) -> bool:
    return literal(value) == literal(asked)


NULLS = {"isNull": True, "isNotNull": False}
TESTS: Mapping[str, Test] = {
    "equals": _same,
    "not": lambda value, asked: not _same(value, asked),
    "in": lambda value, asked: any(_same(value, one) for one in asked),
    "notIn": lambda value, asked: not any(_same(value, one) for one in asked),
    "lt": _ordered(lambda value, asked: value < asked),
    "lte": _ordered(lambda value, asked: value <= asked),
    "gt": _ordered(lambda value, asked: value > asked),
    "gte": _ordered(lambda value, asked: value >= asked),
    "contains": _text(lambda value, asked: asked in value),
    "startsWith": _text(str.startswith),
    "endWith": _text(str.endswith),
    "endsWith": _text(str.endswith),
}
