"""The events of fixtures/segment are what they say: good ones good, and bad ones bad."""

import json
from pathlib import Path
from typing import Any

import pytest

import fixtures
from contracts.cases import render
from contracts.conformance import violations
from contracts.reader import read
from tests.sandbox.segment.conftest import NOW, Source

FOLDER = Path(fixtures.__path__[0]) / "segment"
ITEM = read("segment").endpoint("batch").event


def lines(name: str) -> list[dict[str, Any]]:
    text = (FOLDER / name).read_text(encoding="utf-8")
    text = text.replace("{{midnight}}", "2026-01-14T00:00:00Z")
    return [render(json.loads(line), now=NOW, run="r") for line in text.splitlines()]


@pytest.mark.parametrize("event", lines("examples.ndjson"), ids=lambda e: e["messageId"])
def test_an_example_is_published_without_a_finding(source: Source, event: dict[str, Any]) -> None:
    assert ITEM is not None
    assert violations(event, ITEM, rule="none") == []
    source.post(f"/v1/{event['type']}", event)
    (exchange,) = source.account().journal.after(0)
    assert exchange.findings == ()
    assert [forwarded["messageId"] for _, forwarded in source.forwarded] == [event["messageId"]]


@pytest.mark.parametrize("line", lines("troubles.ndjson"), ids=lambda line: line["title"])
def test_a_trouble_can_be_played(source: Source, line: dict[str, Any]) -> None:
    assert set(line) <= {"title", "event", "twin", "write_key", "faults"}
    for event in (line["event"], line.get("twin")):
        if event is not None:
            key = line.get("write_key", "write-key-1")
            assert source.post(f"/v1/{event['type']}", event, key=key).status_code == 200


def test_troubles_that_end_at_segment_end_there(source: Source) -> None:
    ends: dict[str, list[str | None]] = {}
    for line in lines("troubles.ndjson"):
        for event in filter(None, (line["event"], line.get("twin"))):
            key = line.get("write_key", "write-key-1")
            source.post(f"/v1/{event['type']}", event, key=key)
            *_, exchange = source.account("" if key == "bad_key" else key).journal.after(0)
            rules = [effects.rule for effects in exchange.effects]
            rules += [finding.rule for finding in exchange.findings]
            ends.setdefault(line["title"], []).extend(rule for rule in rules if rule)
    assert {title: rules for title, rules in ends.items() if rules} == {
        "delivered twice": ["segment.dedup.window"],
        "same messageId, another value": ["segment.dedup.window", "segment.dedup.other-body"],
        "nobody: neither userId nor anonymousId": ["segment.discard.no_user_anon_id"] * 2,
        "a write key that nobody has": ["segment.discard.project_not_found"] * 2,
        "sent by a client whose clock is 3 hours ahead": ["segment.timestamp.corrected"],
        "a timestamp that is no time": ["segment.timestamp.malformed"],
    }
