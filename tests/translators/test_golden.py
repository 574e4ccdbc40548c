"""Every golden case of every vendor: a Segment event in, exactly this request out.

A golden case is a file of fixtures/<vendor>/golden: description, source, rules, settings, event,
and either requests (method, path, body) with dropped, or untranslatable (path, rule).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import fixtures
from translators.event import BadEvent, parse
from translators.mapping import translate
from translators.request import Translation, Untranslatable
from translators.settings import SettingsFault

FOLDERS = [Path(root) for root in fixtures.__path__]


@dataclass(frozen=True)
class Golden:
    vendor: str
    name: str
    document: dict[str, Any]

    @property
    def rules(self) -> list[str]:
        return list(self.document["rules"])


GOLDEN = [
    Golden(file.parts[-3], file.stem, json.loads(file.read_text()))
    for folder in FOLDERS
    for file in sorted(folder.glob("*/golden/*.json"))
]


def outcome(golden: Golden) -> dict[str, Any]:
    """What the translator makes of the case, in the case's own form."""
    document = golden.document
    try:
        made = translate(golden.vendor, parse(document["event"]), document.get("settings", {}))
    except SettingsFault as fault:
        return {"settings_fault": fault.name}
    except BadEvent as fault:
        return {"bad_event": fault.path}
    if isinstance(made, Untranslatable):
        return {"untranslatable": {"path": made.path, "rule": made.rule}}
    requests = [{"method": r.method, "path": r.path, "body": r.body} for r in made.requests]
    return {"requests": requests, "dropped": list(made.dropped)}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda g: f"{g.vendor}-{g.name}")
def test_the_event_becomes_exactly_the_documented_request(golden: Golden) -> None:
    expected = {
        key: value
        for key, value in golden.document.items()
        if key in ("requests", "dropped", "untranslatable", "settings_fault", "bad_event")
    }
    assert outcome(golden) == expected


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda g: f"{g.vendor}-{g.name}")
def test_every_field_of_the_request_has_a_trace_with_a_rule(golden: Golden) -> None:
    from contracts.reader import read

    try:
        made = translate(
            golden.vendor, parse(golden.document["event"]), golden.document.get("settings", {})
        )
    except (SettingsFault, BadEvent):
        return
    if not isinstance(made, Translation):
        assert made.rule in read(golden.vendor).rules
        return
    assert {traced.rule for traced in made.trace} <= set(read(golden.vendor).rules)
    for request in made.requests:
        traced = {t.field for t in made.trace}
        missing = [path for path in leaves(request.body, "") if path not in traced]
        assert [path for path in missing if not any(path.startswith(t) for t in traced)] == []


def leaves(node: Any, path: str) -> list[str]:
    if isinstance(node, dict):
        return [
            leaf
            for key, value in node.items()
            for leaf in leaves(value, f"{path}.{key}" if path else key)
        ]
    if isinstance(node, list):
        return [leaf for i, item in enumerate(node) for leaf in leaves(item, f"{path}[{i}]")]
    return [path]
