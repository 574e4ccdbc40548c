"""What the switches forgive, and what they do not, whatever the value."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.conformance import violations
from contracts.model import Violation
from contracts.reader import read
from sandbox.hyperline.issues import issues
from sandbox.hyperline.leniency import forgiven, waives

DEFAULTS = read("hyperline").defaults
OPEN = {
    **DEFAULTS,
    "hyperline.ingest.timestamp": "lenient",
    "hyperline.ingest.record-objects": "accept",
    "hyperline.ingest.record-id-empty": "accept",
    "hyperline.batch.invalid": "fail-each",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def objects(value: Any) -> Violation:
    return Violation("$.record.a", "", value, "hyperline.ingest.record-objects")


@pytest.mark.parametrize("value", [{}, {"a": 1}, {"a": {"b": [1, "x", None]}}])
def test_plain_objects_are_forgiven_by_switch(value: Any) -> None:
    assert forgiven(objects(value), OPEN)
    assert not forgiven(objects(value), DEFAULTS)


@pytest.mark.parametrize("value", [{"a": [{}]}, {"a": {"b": [[1]]}}, [{}], {"a": deep(500)}])
def test_lists_of_objects_and_endless_nesting_never_are(value: Any) -> None:
    assert not forgiven(objects(value), OPEN)


@pytest.mark.parametrize("value", [deep(500), {"record": deep(500)}])
def test_an_event_too_deep_to_repeat_is_not_left_to_the_batch(value: Any) -> None:
    assert not waives(Violation("$[0].record", "", value, "hyperline.ingest.structure"), OPEN)


@settings(deadline=None)
@given(st.datetimes())
def test_lenience_reads_what_python_writes(moment: datetime) -> None:
    for text in (moment.isoformat(), moment.isoformat(" "), f"{moment.isoformat()}+02:00"):
        assert forgiven(Violation("$", "", text, "hyperline.ingest.timestamp"), OPEN)


@settings(deadline=None)
@given(JSON)
def test_no_event_whatever_it_holds_lacks_an_issue_or_breaks_the_judgement(event: Any) -> None:
    schema = read("hyperline").endpoint("ingest-batch").request
    assert schema is not None
    found = violations([event], schema, rule="hyperline.batch.structure")
    told = issues(found)
    assert found
    assert len(told) == len(found)
    assert all(issue["path"][0] == 0 for issue in told)
    for violation in found:
        waives(violation, OPEN)


def test_a_path_is_told_step_by_step() -> None:
    found = Violation("$[3].record['a b'][0]", "no", 1, "hyperline.ingest.record-arrays")
    assert issues([found])[0]["path"] == [3, "record", "a b", 0]
    found = Violation('$.record["it\'s"].x-y', "no", 1, "hyperline.ingest.record-arrays")
    assert issues([found])[0]["path"] == ["record", "it's", "x-y"]
