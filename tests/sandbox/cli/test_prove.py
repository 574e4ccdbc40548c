"""`meterbox prove` and `meterbox replay-bundle`: what they say, what they write, how they end."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from contracts.reader import read
from sandbox.cli.main import commands
from tests.sandbox.proving.planted import event, new_keys

SCENARIO = """
[[fault]]
kind = "lost-reply"
vendor = "orb"
times = 1
"""


def meterbox(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments)


@pytest.fixture
def events(tmp_path: Path) -> str:
    file = tmp_path / "events.ndjson"
    file.write_text("".join(json.dumps(event(n)) + "\n" for n in range(30)))
    return str(file)


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return str(tmp_path / "repro.json")


def told(result: Result) -> Any:
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return json.loads(result.stdout)


def test_what_is_proven_is_told_by_vendor(events: str, bundle: str) -> None:
    faults = ("--faults", "flaky", "--faults", "lost-replies")
    result = meterbox("prove", "--events", events, *faults, "--bundle", bundle)
    assert result.exit_code == 0, result.output
    rows = [line.replace("|", " ").split() for line in result.stdout.splitlines()]
    assert ["sent", *["30"] * 4] in rows
    assert ["billed", "once", *["30"] * 4] in rows
    assert ["lost", *["0"] * 4] in rows
    assert "Proven: nothing is lost, and nothing is billed twice." in result.stdout
    assert not Path(bundle).exists()


def test_a_scenario_of_ones_own_and_one_vendor(events: str, tmp_path: Path) -> None:
    scenario = tmp_path / "mine.toml"
    scenario.write_text(SCENARIO)
    result = meterbox(
        "prove", "--events", events, "--faults", str(scenario), "--only", "orb", "--json"
    )
    found = told(result)
    assert (result.exit_code, found["proven"], found["struck"]) == (0, True, 1)
    assert found["vendors"] == {"orb": {"events": 30, "expected": 30, "billed": 30}}


def test_a_planted_double_bill_is_told_and_its_bundle_has_the_same_verdict(
    events: str, bundle: str
) -> None:
    with new_keys():
        faults = ("--faults", "lost-replies", "--seed", "3")
        result = meterbox("prove", "--events", events, *faults, "--bundle", bundle)
        again = meterbox("replay-bundle", bundle)
    assert result.exit_code == 1
    assert "billed more than once" in result.stdout
    assert "The smallest case found has 1 events, 1 faults, 0 kills" in result.stdout
    assert again.exit_code == 0, again.output
    assert again.stdout.startswith("The verdict is the same: ")
    mended = meterbox("replay-bundle", bundle, "--json")
    assert mended.exit_code == 1
    assert told(mended)["verdict"] == []


def test_a_bundle_holds_no_key(events: str, bundle: str) -> None:
    with new_keys():
        found = told(
            meterbox(
                "prove",
                "--events",
                events,
                "--faults",
                "lost-replies",
                "--bundle",
                bundle,
                "--json",
            )
        )
    assert found["proven"] is False
    assert found["bundle"] == bundle
    text = Path(bundle).read_text()
    for vendor in found["vendors"]:
        assert f'"{read(vendor).key("prove")}"' not in text


def test_what_is_not_handed_on_is_told(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    lines = [event(0), event(0), {"type": "shout"}, event(1)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = meterbox("prove", "--events", str(file), "--only", "orb", "--json")
    assert result.exit_code == 0
    assert f"{file}:3: $.type" in result.stderr
    assert "Not handed on: event 2: duplicate [segment.dedup.window]" in result.stderr
    assert told(result)["vendors"]["orb"]["events"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prove"], "Missing option '--events'"),
        (["prove", "--events", "none.ndjson"], "No such file"),
        (["prove", "--events", "EVENTS", "--faults", "flakey"], "did you mean 'flaky'"),
        (["prove", "--events", "EVENTS", "--faults", "none.toml"], "cannot be read"),
        (["prove", "--events", "EVENTS", "--only", "orbb"], "--only: 'orbb' is not one of"),
        (["prove", "--events", "EVENTS", "--at", "noon"], "'noon' is not a time"),
        (["prove", "--events", "EVENTS", "--kills", "-1"], "-1 is not in the range"),
        (["prove", "--events", "EVENTS", "--kills", "1", "--target-command", "x"], "kills none"),
        (["replay-bundle", "none.json"], "cannot be read"),
        (["replay-bundle", "EVENTS"], "is not JSON"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments: list[str], said: str, events: str) -> None:
    result = meterbox(*[events if word == "EVENTS" else word for word in arguments])
    code = result.exit_code
    assert code == 2
    assert said in result.output


@pytest.mark.parametrize(
    "change", [{"format": 2}, {"how": "by hand"}, {"seed": "x"}, {"events": 1}]
)
def test_what_is_no_bundle_is_refused(change: dict[str, Any], events: str, bundle: str) -> None:
    with new_keys():
        meterbox("prove", "--events", events, "--faults", "lost-replies", "--bundle", bundle)
    Path(bundle).write_text(json.dumps({**json.loads(Path(bundle).read_text()), **change}))
    result = meterbox("replay-bundle", bundle)
    assert result.exit_code == 2
    assert bundle in result.output
