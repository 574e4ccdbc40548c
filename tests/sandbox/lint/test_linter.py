"""All that is looked for together, and in the streams that there are."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import fixtures
from contracts.reader import read, vendors
from sandbox.cli.payloads import blocks
from sandbox.lint import advice
from sandbox.lint.linter import LEVELS, NoLayout, layout
from tests.sandbox.lint.conftest import event, linter

FIXTURES = Path(fixtures.__file__).parent
CODE = Path(advice.__file__).parent


def test_advice_is_complete_and_each_is_given_somewhere() -> None:
    said = "".join(file.read_text() for file in CODE.glob("*.py"))
    for id, one in advice.read().items():
        assert re.fullmatch(r"lint\.[a-z]+\.[a-z-]+", id)
        assert one.level in LEVELS
        assert all(text.endswith(".") for text in (one.sentence, one.why, one.fix))
        assert f'"{id}"' in said


def test_the_worst_comes_first_and_levels_are_counted(look) -> None:
    looking = linter(customers=["acme-0"])
    bodies = [event(n, properties={"request": f"r-{n}"}) for n in range(1_000)]
    bodies += [event(1, event_name="other"), event(2, timestamp="2026-01-15T12:00:00")]
    for line, body in enumerate(bodies, 1):
        looking.look(body, "e", line)
    assert [cause.level for cause in looking.causes()] == ["error", "warning", "warning", "note"]
    assert looking.counts() == {"error": 1, "warning": 2, "note": 1}


@pytest.mark.parametrize(
    "body",
    [None, 5, "text", [], [1, None, []], {}, {"events": 5}, {"events": [None, 5, {}]}, [[{}]]],
)
@pytest.mark.parametrize("vendor", vendors())
def test_what_is_no_event_breaks_nothing(vendor: str, body: object) -> None:
    endpoint = read(vendor).layouts[0].endpoints[0]
    looking = linter(vendor=vendor, endpoint=endpoint)
    looking.look(body, "e", 1)
    assert {cause.advice.id for cause in looking.causes()} <= {"lint.key.missing"}


@pytest.mark.parametrize("vendor", vendors())
def test_fields_of_another_kind_break_nothing(vendor: str) -> None:
    one = read(vendor).layouts[0]
    looking = linter(vendor=vendor, endpoint=one.endpoints[0], needs={"n": ("x",)})
    fields = [one.key, one.time, one.name, one.scope or "", *one.customer, *one.properties]
    values: list[Any] = [None, 5, 1.5, True, "text", [], {}, [{}], {"a": {}}, 10**30, 1e300, -1]
    for value in values:
        body = {field.partition(".")[0]: value for field in fields if field}
        looking.look({one.inside: [body]} if one.inside else body, "e", 1)
    assert looking.causes() is not None


def test_an_endpoint_without_usage_is_told(look) -> None:
    with pytest.raises(NoLayout, match=r"bodies of 'ping'.*It does for: ingest\."):
        layout(read("orb"), "ping")


# Real-shaped streams raise no alarm but those that they were made to raise.


def test_the_vendors_own_bodies_raise_no_alarm(look) -> None:
    for file in sorted(FIXTURES.glob("*/bodies/*.json")):
        assert look([json.loads(file.read_text())], vendor=file.parents[1].name) == {}


def test_the_documented_calls_of_segment_raise_no_alarm_but_of_who_is_never_identified(look):
    text = (FIXTURES / "segment" / "examples.ndjson").read_text()
    text = re.sub(
        r"\{\{id:([^}]+)\}\}", r"\1", re.sub(r"\{\{now[^}]*\}\}", "2026-01-15T12:59:58Z", text)
    )
    found = look(map(json.loads, text.splitlines()), vendor="segment", endpoint="batch")
    assert set(found) <= {"lint.customer.unknown"}


def test_the_example_of_usage_has_the_correction_it_was_made_with(look) -> None:
    (block,) = blocks(str(FIXTURES / "segment" / "usage.ndjson"))
    found = look(block.values, vendor="segment", endpoint="batch", now="2026-01-15T12:05:00Z")
    assert list(found) == ["lint.key.different-body"]


@pytest.mark.parametrize("vendor", vendors())
def test_golden_requests_raise_no_alarm_but_what_they_were_made_for(vendor: str) -> None:
    """Each by itself; what is remarked is told here with the reason."""
    explained = {
        "lint.time.late",  # they were written on one day
        "lint.time.no-zone",  # what becomes of such a time is a case
        "lint.time.future",
        "lint.customer.unknown",
    }
    known = {path: one for one in read(vendor).endpoints for path in one.paths}
    usage = {name for one in read(vendor).layouts for name in one.endpoints}
    for file in sorted((FIXTURES / vendor / "golden").glob("*.json")):
        for request in json.loads(file.read_text()).get("requests", ()):
            endpoint = known[request["path"]].name
            if endpoint in usage:
                looking = linter(vendor=vendor, endpoint=endpoint)
                looking.look(request["body"], file.name, 1)
                assert {cause.advice.id for cause in looking.causes()} <= explained, file.name
