"""A JSON value as a tree: bounded, with each finding at the very field it is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.page.tree import ITEMS, MOST, Node, read, steps, tree


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def at(node: Node, path: str) -> Node:
    return next(one for one in nodes(node) if one.path == path)


def finding(path: str) -> dict[str, Any]:
    return {"path": path, "message": path}


def test_every_value_is_told_by_its_kind() -> None:
    value = {"a": [1, "x", None, True, 2.5], "b c": {}}
    told = tree(value)
    assert [(one.path, one.kind, one.text) for one in nodes(told)] == [
        ("$", "object", "2 fields"),
        ("$.a", "list", "5 items"),
        ("$.a[0]", "number", "1"),
        ("$.a[1]", "text", "x"),
        ("$.a[2]", "word", "null"),
        ("$.a[3]", "word", "true"),
        ("$.a[4]", "number", "2.5"),
        ("$['b c']", "object", "0 fields"),
    ]


@pytest.mark.parametrize("path", ["$", "$.a", "$.a[1]", "$.a[1]['b c']", "$['it\\'s'].x"])
def test_a_finding_is_at_the_field_it_is_about(path: str) -> None:
    value = {"a": [1, {"b c": 2}], "it's": {"x": 1}}
    found = finding(path if "it" not in path else '$["it\'s"].x')
    told = tree(value, [found])
    assert [one.path for one in nodes(told) if one.found] == [found["path"]]


def test_a_finding_about_what_is_missing_is_at_what_it_is_missing_from() -> None:
    told = tree({"events": [{"a": 1}]}, [finding("$.events[0].name"), finding("$.events[7].x")])
    assert [one["path"] for one in at(told, "$.events[0]").near] == ["$.events[0].name"]
    assert [one["path"] for one in at(told, "$.events").near] == ["$.events[7].x"]


def test_no_more_is_shown_than_somebody_reads_but_for_what_was_found() -> None:
    value = [{"a": n} for n in range(100_000)]
    told = tree(value, [finding("$[99999].a")])
    assert told.children[-1].path == "$[99999]"
    assert at(told, "$[99999].a").found
    assert len(told.children) == ITEMS + 1
    assert told.left == 100_000 - ITEMS - 1
    wide = tree([[n] * 90 for n in range(90)])
    assert sum(1 for _ in nodes(wide)) <= MOST + 1


def test_the_deepest_are_counted_and_not_shown() -> None:
    value: Any = 1
    for _ in range(500):
        value = [value]
    told = tree(value)
    assert sum(1 for _ in nodes(told)) < 50


def test_a_path_is_read_step_by_step() -> None:
    assert list(steps("$.events[3]['a b'][\"it's\"].x")) == [
        ".events",
        "[3]",
        "['a b']",
        '["it\'s"]',
        ".x",
    ]


def test_a_number_keeps_every_digit() -> None:
    told = tree(read('{"a": 0.10000000000000000001, "b": 12345678901234567890123, "c": 1e400}'))
    assert [(one.kind, one.text) for one in told.children] == [
        ("number", "0.10000000000000000001"),
        ("number", "12345678901234567890123"),
        ("number", "1e400"),
    ]


@pytest.mark.parametrize("text", ["NaN", "[1", "[" * 100_000 + "]" * 100_000])
def test_what_is_no_json_that_can_be_shown_is_told(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        read(text)
