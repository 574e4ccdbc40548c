"""Filters of a list: `field=value` and `field__operator=value`; whatever else a query holds is
ignored (rules hyperline.customer.filter and hyperline.customer.unknown-parameter)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["selected"]

FIELDS = frozenset(
    {
        "id",
        "name",
        "type",
        "status",
        "currency",
        "country",
        "external_id",
        "billing_email",
        "invoicing_entity_id",
        "created_at",
        "updated_at",
    }
)
SPELT = {"payment_method_type": "current_payment_method_type"}
"""Fields that a query knows by another name than the customer does."""

Test = Callable[[str | None, str], bool]


def _text(test: Callable[[str, str], bool]) -> Test:
    """A test of a field's text; it fails where the field is null."""
    return lambda field, asked: field is not None and test(field, asked)


OPERATORS: dict[str, Test] = {
    "equals": _text(lambda field, asked: field == asked),
    "not": lambda field, asked: field != asked,
    "lt": _text(lambda field, asked: field < asked),
    "lte": _text(lambda field, asked: field <= asked),
    "gt": _text(lambda field, asked: field > asked),
    "gte": _text(lambda field, asked: field >= asked),
    "contains": _text(lambda field, asked: asked in field),
    "startsWith": _text(str.startswith),
    "endWith": _text(str.endswith),
    "in": _text(lambda field, asked: field in asked.split(",")),
    "notIn": lambda field, asked: field not in asked.split(","),
    "isNull": lambda field, asked: (field is None) is not (asked == "false"),
    "isNotNull": lambda field, asked: (field is not None) is not (asked == "false"),
}


def selected(
    items: Sequence[Mapping[str, Any]], query: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    """The items that pass every filter of the query; archived ones only where it asks for a status
    (rule hyperline.customer.list-archived)."""
    tests = [
        (SPELT.get(field, field), OPERATORS[operator], asked)
        for key, asked in query.items()
        for field, operator in [_split(key)]
        if (field in FIELDS or field in SPELT)
        and operator in OPERATORS
        and (key, asked) != ("status", "all")
    ]
    if not any(_split(key)[0] == "status" for key in query):
        tests.append(("status", OPERATORS["not"], "archived"))
    if "search" in query:
        words = query["search"].casefold()
        items = [item for item in items if _found(item, words)]
    return [item for item in items if all(test(item[field], a) for field, test, a in tests)]


def _split(key: str) -> tuple[str, str]:
    field, _, operator = key.partition("__")
    return field, operator or "equals"


def _found(item: Mapping[str, Any], words: str) -> bool:
    """Whether a customer has these words in its name, email or external id."""
    texts = (item["name"], item["billing_email"], item["external_id"])
    return any(words in text.casefold() for text in texts if text)
