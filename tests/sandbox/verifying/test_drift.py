"""`meterbox drift`: nothing between two runs of the same, and between others each change once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from contracts.cases import NOW
from contracts.reader import read
from sandbox.cli.main import commands
from sandbox.verifying.changes import ABSENT, changes
from sandbox.verifying.sameness import Moment, Renaming
from sandbox.verifying.telling import sentence
from tests.sandbox.verifying.conftest import Verify

ONLY = ("backfill-c*", "customer-list-c*", "metric-[cf]*", "metric-st*", "webhook-t*", "*unknown")


@pytest.fixture(scope="module")
def recorded(
    orb_url: str, drifted_url: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Two runs of the same, and one of Orb as it might be."""
    folder = tmp_path_factory.mktemp("transcripts")

    def record(name: str, url: str) -> Path:
        file = folder / f"{name}.ndjson"
        only = [word for pattern in ONLY for word in ("--only", pattern)]
        asked = ["verify", "orb", "--base-url", url, *only, "--transcript", str(file)]
        assert CliRunner().invoke(commands, asked).exit_code == (name == "drifted")
        return file

    return {
        name: record(name, url)
        for name, url in (("one", orb_url), ("two", orb_url), ("drifted", drifted_url))
    }


def test_between_two_runs_of_the_same_there_is_nothing(
    meterbox: Verify, recorded: dict[str, Path]
) -> None:
    """Though every account, time and identifier was another."""
    done = meterbox("drift", "orb", recorded["one"], recorded["two"])
    assert done.exit_code == 0, done.output
    assert ": 0 changes in" in done.stdout
    assert len(recorded["one"].read_text().splitlines()) > 40
    texts = [recorded[name].read_text() for name in ("one", "two")]
    assert len(set(texts[0].splitlines()) & set(texts[1].splitlines())) == 0


def test_on_one_account_that_is_used_again_there_is_nothing_either(
    meterbox: Verify, mock_url: str, tmp_path: Path
) -> None:
    """And the clock runs."""
    only = ("--only", "backfill-c*", "--only", "customer-[cf]*", "--only", "webhook-endpoint*")
    at = ("--base-url", mock_url, "--api-key", "orb_test_drift", *only)
    files = [tmp_path / "one", tmp_path / "two"]
    for file in files:
        assert meterbox("verify", "orb", *at, "--transcript", file).exit_code == 0
    done = meterbox("drift", "orb", *files)
    assert done.exit_code == 0, done.output
    assert "0 changes in" in done.stdout


def test_four_changes_are_told_once_each(meterbox: Verify, recorded: dict[str, Path]) -> None:
    done = meterbox("drift", "orb", recorded["one"], recorded["drifted"], "--report", "json")
    assert done.exit_code == 1
    checks = json.loads(done.stdout)["checks"]
    told = {
        (check["findings"][0]["path"], check["findings"][0]["message"], check["name"])
        for check in checks
    }
    (text,) = (one for one in told if one[0] == "$.title")
    assert text[1] == "is 'Nothing is here.' now, and was 'A specified resource was not found.'"
    told.remove(text)
    assert told == {
        ("status", "is answered 203 now, and was 200", "GET /v1/customers"),
        (
            "status",
            "what was answered 201 is refused now, with 400: owner is required",
            "POST /v1/metrics",
        ),
        (
            "$.closed_at",
            "close_time is called closed_at now",
            "POST /v1/events/backfills",
        ),
    }
    rules = {check["findings"][0]["rule"] for check in checks}
    assert {"orb.metric.structure", "orb.backfill.structure"} <= rules
    assert rules <= set(read("orb").rules)


def test_there_and_back_tells_the_same_number(meterbox: Verify, recorded: dict[str, Path]) -> None:
    back = meterbox("drift", "orb", recorded["drifted"], recorded["one"])
    assert ": 4 changes in" in back.stdout
    assert "closed_at is called close_time now" in back.stdout
    again = meterbox("drift", "orb", recorded["drifted"], recorded["drifted"])
    assert again.exit_code == 0


def test_what_was_not_played_in_both_is_counted_and_nothing_is_no_success(
    meterbox: Verify, recorded: dict[str, Path], tmp_path: Path
) -> None:
    lines = recorded["one"].read_text().splitlines()
    (tmp_path / "few").write_text("\n".join(lines[:6]) + "\n" + lines[6][:100])
    done = meterbox("drift", "orb", tmp_path / "few", recorded["two"])
    assert done.exit_code == 0
    assert "0 changes in 5 cases;" in done.stdout
    assert "cases are in one of them only" in done.stdout
    (tmp_path / "none").write_text(lines[0])
    done = meterbox("drift", "orb", tmp_path / "none", recorded["two"])
    assert done.exit_code == 2
    assert "no case in common" in done.stderr


LATER = datetime(2026, 3, 1, 7, 30, tzinfo=UTC)


def renaming() -> Renaming:
    return Renaming(Moment(NOW, NOW, "run111111111"), Moment(LATER, LATER, "run222222222"))


def at(now: datetime, **by: float) -> str:
    return (now + timedelta(**by)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"id": "a-run111111111"}, {"id": "a-run222222222"}),
        ({"at": at(NOW, hours=-13)}, {"at": at(LATER, hours=-13)}),
        ({"at": at(NOW)}, {"at": at(LATER, seconds=40, microseconds=1)}),
        ({"day": "2026-01-15"}, {"day": "2026-03-01"}),
        ({"at": 1768478400250}, {"at": 1772350200250}),
        ({"at": "1768478400"}, {"at": "1772350200"}),
        ({"id": 17, "of": [{"parent_id": 17}]}, {"id": 23, "of": [{"parent_id": 23}]}),
        ({"id": "cus_8fhF2kd0"}, {"id": "cus_9aaB1xy7"}),
        ("no customer kx82HsPq0aZ1 here", "no customer Qp51JsLw9bY2 here"),
        ({"e0f1a2b3c4d5": 1}, {"a9b8c7d6e5f4": 1}),
        ({"a": 1, "b": [1, {"c": None}]}, {"b": [1, {"c": None}], "a": 1.0}),
        ({"key": "Bearer o…(39)"}, {"key": "Bearer p…(39)"}),
    ],
)
def test_what_no_two_runs_have_in_common_is_no_change(old: Any, new: Any) -> None:
    assert list(changes(old, new, ABSENT, "$", renaming())) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"a": 1}, {"b": 1}, ["$.b: a is called b now"]),
        ({"a": 1}, {}, ["$.a: is no longer there; it was 1"]),
        ({}, {"a": 1}, ["$.a: is new: 1"]),
        ({"a": 1}, {"a": "1"}, ["$.a: is '1' now, and was 1"]),
        ({"a": True}, {"a": 1}, ["$.a: is 1 now, and was True"]),
        ({"a": None}, {"a": 0}, ["$.a: is 0 now, and was None"]),
        ({"n": 12}, {"n": 13}, ["$.n: is 13 now, and was 12"]),
        ("draft", "pending", ["$: is 'pending' now, and was 'draft'"]),
        ("invoicePaid", "invoiceSent", ["$: is 'invoiceSent' now, and was 'invoicePaid'"]),
        ([1], [1, 2], ["$: has 2 items now, and had 1"]),
        ({"id": "cus_8fhF2kd0"}, {"id": "x-9aaB1xy7"}, None),
        ({"at": at(NOW, hours=-13)}, {"at": at(LATER, hours=-12)}, None),
        ({"at": at(NOW)}, {"at": at(LATER).replace("Z", "+00:00")}, None),
        ({"at": "2026-01-15T12:00:00Z"}, {"at": "2026-03-01"}, None),
        ({"id": 1, "of": [{"id": 1}]}, {"id": 2, "of": [{"id": 3}]}, None),
        ({"a": 1, "b": 2}, {"c": 1, "d": 2}, ["$.c: a is called c now", "$.d: b is called d now"]),
    ],
)
def test_what_changed_is_told_by_its_path(old: Any, new: Any, said: list[str] | None) -> None:
    found = list(changes(old, new, ABSENT, "$", renaming()))
    assert len(found) == (len(said) if said else 1)
    if said is not None:
        assert [f"{change.path}: {sentence(change)}" for change in found] == said


def test_what_a_case_says_may_vary_may_vary_within_its_pattern() -> None:
    wanted = {"$contains": {"a": {"$any": True}, "b": {"$pattern": "[a-z]+"}, "c": 1}}
    old = {"a": 1, "b": "draft", "c": 1, "d": [1]}

    def found(**new: Any) -> list[str]:
        return [change.path for change in changes(old, {**old, **new}, wanted, "$", renaming())]

    assert found(a=[2], b="pending") == []
    assert found(b="PENDING") == ["$.b"]
    assert found(c=2, d=[2]) == ["$.c", "$.d[0]"]
