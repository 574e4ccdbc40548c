"""Scenarios set faults together, by file or by name, and say what is wrong with a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from contracts.model import BadValue, MeterboxError
from sandbox.account import Account
from sandbox.acts import perform
from sandbox.faults import KINDS, Fault
from sandbox.scenario import _schema, load, preset, presets
from tests.acme import NOW

NAMES = ["flaky", "lost-replies", "outage", "slow", "throttled"]


def written(folder: Path, text: str) -> Path:
    file = folder / "scenario.toml"
    file.write_text(text)
    return file


def test_the_names_a_person_remembers() -> None:
    assert list(presets()) == NAMES
    assert all(what.endswith(".") for what in presets().values())


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_for_every_vendor_and_sets_something(name: str) -> None:
    assert preset(name).of("acme") == preset(name).of("other") != []


def test_a_seed_makes_the_same_scenario_again_and_another_another() -> None:
    assert preset("flaky", 3) == preset("flaky", 3) != preset("flaky", 4)
    lots = [fault.seed for fault in preset("flaky", 3).of("acme")]
    assert len(set(lots)) == len(lots)


def test_a_name_that_is_none_is_told_with_the_likely_one() -> None:
    with pytest.raises(BadValue, match="did you mean 'flaky'"):
        preset("flakey")


def test_a_file_says_for_whom_and_how_often(tmp_path: Path) -> None:
    text = """
        seed = 7
        [[fault]]
        kind = "lost-reply"
        vendor = "acme"
        times = "always"
        since = 2026-01-15T12:00:00Z
        [[fault]]
        kind = "delay"
        seconds = 2
        seed = 1
    """
    told = load(written(tmp_path, text))
    since = "2026-01-15T12:00:00+00:00"
    one = Fault("lost-reply", times=None, seed=7_000, since=since)
    assert told.of("acme") == [one, Fault("delay", seconds=2, seed=1)]
    assert told.of("other") == [Fault("delay", seconds=2, seed=1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'fault' is a required property"),
        ("fault = 1", "fault: 1 is not of type 'array'"),
        ("[[fault]]\nkind = 'explode'", "fault[0].kind"),
        ("[[fault]]\nkind = 'reset'\ntims = 2", "tims"),
        ("[[fault]]\nkind = 'reset'\nttl = 'soon'", "fault[0]: ttl"),
        ("[[fault]]\nkind = 'reset'\ntimes = 0", "fault[0].times"),
        ("not toml", "is not TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(MeterboxError) as caught:
        load(written(tmp_path, text))
    assert said in str(caught.value)
    assert "scenario.toml" in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MeterboxError, match="cannot be read"):
        load(tmp_path / "no.toml")


def test_the_schema_is_one_and_knows_every_kind_and_every_setting() -> None:
    document: Any = _schema().document
    jsonschema.Draft202012Validator.check_schema(document)
    fault = document["$defs"]["fault"]["properties"]
    assert fault["kind"]["enum"] == list(KINDS)
    assert set(fault) == {*Fault.__slots__, "vendor"}


def test_a_preset_is_set_on_an_account_whole(account: Account) -> None:
    perform(account, "add-fault", {"preset": "flaky", "seed": 2}, NOW)
    assert [fault for fault, _ in account.faults.pending()] == preset("flaky", 2).of("acme")


@pytest.mark.parametrize(
    "arguments",
    [
        {"preset": "flaky", "sed": 2},
        {"preset": "flaky", "seed": "2"},
        {"preset": "none"},
        {"faults": [{"kind": "reset"}, {"kind": "explode"}]},
        {"faults": [{"kind": "reset"}, {"kind": "reset", "endpoint": "nowhere"}]},
        {"faults": "reset"},
        {"faults": [7]},
    ],
)
def test_what_cannot_be_set_whole_is_not_set_at_all(
    account: Account, arguments: dict[str, Any]
) -> None:
    with pytest.raises(MeterboxError):
        perform(account, "add-fault", arguments, NOW)
    assert not account.faults
