"""Values made for schemas: they conform, they are the same again, and they echo what is asked."""

import re
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.pattern import Unfit, written
from contracts.reader import read, vendors
from contracts.sample import Unsampled, sample
from contracts.schema import Schema

OBJECT = {"type": "object", "required": ["id", "name"]}
SCHEMAS: dict[str, Any] = {
    "const": {"const": {"a": [1]}},
    "enum": {"enum": ["a", "b"]},
    "bounds": {"type": "number", "exclusiveMinimum": 2, "exclusiveMaximum": 3},
    "multiple": {"type": "integer", "minimum": 7, "multipleOf": 5},
    "below": {"type": "integer", "maximum": -3},
    "just below": {"type": "integer", "exclusiveMaximum": -3},
    "long": {"type": "string", "minLength": 40},
    "short": {"type": "string", "maxLength": 3},
    "date-time": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "email": {"type": "string", "format": "email"},
    "items": {"type": "array", "minItems": 2, "items": {"type": "integer"}},
    "tuple": {"prefixItems": [{"const": 1}, {"const": 2}], "minItems": 2},
    "contains": {"type": "array", "contains": {"const": "x"}},
    "properties": {"type": "object", "minProperties": 2, "properties": {"a": {"type": "null"}}},
    "nested": {**OBJECT, "properties": {"name": {"$ref": "#/$defs/n"}}, "$defs": {"n": OBJECT}},
    "all of": {"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "string"}}}, OBJECT]},
    "one of": {
        "oneOf": [{"type": "object", "required": ["a"], "not": {"required": ["a"]}}, OBJECT]
    },
    "if": {**OBJECT, "if": {"required": ["id"]}, "then": {"required": ["a"]}},
    "circle": {
        "$ref": "#/$defs/tree",
        "$defs": {"tree": {"properties": {"left": {"$ref": "#/$defs/tree"}}, "required": ["v"]}},
    },
    "two types": {"allOf": [{"type": ["string", "integer"]}, {"type": "integer"}]},
    "true": {},
}
PATTERNS = [
    "^cus_[0-9A-Za-z]+$",
    r"^v1=[0-9a-f]{64}$",
    r"(a|bc)+\.\d{2,4}",
    r"[^@\s]+@[^@\s]+",
    r"^\w{3}-?(?:x|y)*$",
    r"^[A-Z][\d_-]{0,3}\(.\)$",
    "a{0}b{2}",
    "",
]


def schema(document: Any) -> Schema:
    return Schema("tried", document)


@pytest.mark.parametrize("document", SCHEMAS.values(), ids=list(SCHEMAS))
def test_a_value_conforms_and_is_the_same_for_the_same_seed(document: Any) -> None:
    tried = schema(document)
    values = [sample(tried, seed) for seed in ("a", "b", "a")]
    assert all(tried.accepts(value) for value in values)
    assert values[0] == values[2]


@pytest.mark.parametrize("vendor", vendors())
def test_every_body_of_every_vendor_can_be_made(vendor: str) -> None:
    for endpoint in read(vendor).endpoints:
        asked = (endpoint.request, endpoint.event, endpoint.wanted)
        for one in filter(None, (*asked, *endpoint.responses.values())):
            assert one.accepts(sample(one, endpoint.name)), (endpoint.name, one.name)


def test_another_seed_makes_another_text() -> None:
    assert sample(schema({"type": "string"}), "a") != sample(schema({"type": "string"}), "b")


def test_what_may_be_null_is_so_that_a_page_is_the_last() -> None:
    page = {
        "type": "object",
        "required": ["data", "next_cursor", "has_more"],
        "properties": {
            "data": {"type": "array"},
            "next_cursor": {"type": ["string", "null"]},
            "has_more": {"type": "boolean"},
        },
    }
    assert sample(schema(page), "a") == {"data": [], "next_cursor": None, "has_more": False}


def test_values_are_echoed_at_the_top_where_they_fit() -> None:
    inner = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    document = {
        "type": "object",
        "required": ["id", "owner"],
        "properties": {
            "id": {"type": "string"},
            "owner": inner,
            "count": {"type": "integer"},
            "note": {"type": "string"},
        },
    }
    made = sample(schema(document), "a", {"id": "mine", "other": "o", "count": "7", "note": "n"})
    assert (made["id"], made["note"]) == ("mine", "n")
    assert made["owner"]["id"] != "mine"
    assert isinstance(made["count"], int)
    assert "other" not in made
    assert sample(schema(document), "a", {"note": "n", "order_id": "o"})["id"] == "o"
    assert sample(schema(document), "a", {"order_id": "o", "note": "n"})["id"] != "o"


@pytest.mark.parametrize(
    "document",
    [
        False,
        {"type": "string", "pattern": "^(?=a)b$"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"required": ["a"], "properties": {"a": False}}}},
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"required": ["a"], "properties": {"a": {"$ref": "#/$defs/a"}}}},
        },
    ],
)
def test_a_schema_without_a_value_we_know_is_told(document: Any) -> None:
    whole = document if isinstance(document, dict) else {"not": {}}
    with pytest.raises(Unsampled, match="'tried'"):
        sample(schema(whole), "a")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_text_fits_its_pattern(pattern: str) -> None:
    for seed in range(20):
        text = written(pattern, Random(seed))
        assert re.search(pattern, text), (pattern, text)


@pytest.mark.parametrize(
    "pattern",
    ["(?=a)", r"\bx", r"(a)\1", "[a", "(a", "a)", "*a", "a{x}", "a{}", "a{2,1}", "[a-\\d]"],
)
def test_a_pattern_beyond_us_is_told(pattern: str) -> None:
    with pytest.raises(Unfit):
        written(pattern, Random(0))


@given(st.text("ab01.[](){}|*+?^$\\-,", max_size=12), st.integers(0, 9))
def test_whatever_the_pattern_there_is_a_text_that_fits_or_word_of_none(
    pattern: str, seed: int
) -> None:
    try:
        re.compile(pattern)
        text = written(pattern, Random(seed))
    except (re.error, Unfit, FutureWarning):
        return
    assert re.search(pattern, text) or set(pattern) & set("^$")
