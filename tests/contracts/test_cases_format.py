"""The form of contract cases: marks, matchers, and files that are no cases."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.cases import differences, read_cases, render
from contracts.model import ContractFault
from contracts.reader import read_folder
from tests.acme import HERE

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{{now}}", "2026-01-15T12:00:00Z"),
        ("{{now-13h}}", "2026-01-14T23:00:00Z"),
        ("{{now+1h30m}}", "2026-01-15T13:30:00Z"),
        ("at {{now}}!", "at 2026-01-15T12:00:00Z!"),
        ("{{millis}}", 1768478400000),
        ("{{millis-1h}}", 1768474800000),
        ("t={{millis}}", "t=1768478400000"),
        ("{{id:a}}", "a-run1"),
        ("{{id:a}}/{{id:b-2}}", "a-run1/b-2-run1"),
        ("{{other}}", "{{other}}"),
        (["{{id:a}}", 1, None], ["a-run1", 1, None]),
        ({"{{id:k}}": {"a": "{{id:a}}"}}, {"k-run1": {"a": "a-run1"}}),
        ({"$repeat": 3, "item": {"n": "e{{n}}"}}, [{"n": "e0"}, {"n": "e1"}, {"n": "e2"}]),
        ({"$repeat": 0, "item": 1}, []),
    ],
)
def test_marks_are_replaced(written: Any, told: Any) -> None:
    assert render(written, now=NOW, run="run1") == told


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 1),
        (None, None),
        ([1, {"a": 2}], [1, {"a": 2}]),
        ({"$any": True}, {"what": "ever"}),
        ({"$pattern": r"\d+"}, "42"),
        ({"$contains": {"a": 1}}, {"a": 1, "b": 2}),
        ({"a": {"$any": True}}, {"a": None}),
    ],
)
def test_what_fits_differs_nowhere(expected: Any, actual: Any) -> None:
    assert list(differences(expected, actual)) == []


@pytest.mark.parametrize(
    ("expected", "actual", "told"),
    [
        (1, 2, ["$: expected 1, got 2"]),
        (1, True, ["$: expected 1, got True"]),
        (False, 0, ["$: expected False, got 0"]),
        ("1", 1, ["$: expected '1', got 1"]),
        ([1, 2], [1], ["$: expected [1, 2], got [1]"]),
        ([1, 2], [1, 3], ["$[1]: expected 2, got 3"]),
        ({"a": 1}, [], ["$: expected an object, got []"]),
        ({"a": {"b": 1}}, {"a": {}}, ["$.a.b: is missing"]),
        ({"a": 1}, {"a": 1, "b": 2}, ["$.b: unexpected 2"]),
        ({}, dict.fromkeys("hgfedcba", 0), [f"$.{name}: unexpected 0" for name in "hgfedcba"]),
        ({"$contains": {"a": 1}}, {"b": 1}, ["$.a: is missing"]),
        ({"$pattern": r"\d"}, "42", ["$: '42' does not match '\\\\d'"]),
        ({"$pattern": r"\d"}, 4, ["$: 4 does not match '\\\\d'"]),
    ],
)
def test_what_differs_is_told_by_its_path(expected: Any, actual: Any, told: list[str]) -> None:
    assert list(map(str, differences(expected, actual))) == told


def cases_of(folder: Path, text: str) -> None:
    (folder / "cases").mkdir()
    (folder / "cases" / "one.json").write_text(text)
    read_cases(replace(read_folder(HERE), folder=folder))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "one.json: is not a case"),
        ("[]", "one.json: is not a case"),
        (json.dumps({"description": "d", "rules": [], "request": {}}), "response"),
        (
            json.dumps({"rules": [], "description": "d", "outcome": 1}),
            r"unknown keys \['outcome'\]",
        ),
    ],
)
def test_a_file_that_is_no_case_is_a_fault_that_names_it(
    tmp_path: Path, document: str, said: str
) -> None:
    with pytest.raises(ContractFault, match=said):
        cases_of(tmp_path, document)


def test_a_vendors_cases_are_its_files() -> None:
    assert [case.name for case in read_cases(read_folder(HERE))] == ["not-found", "record"]
