"""`meterbox exec --fail-under`, and what its reports say was exercised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.sandbox.cli.test_exec import Exec, execute, python  # noqa: F401  # a fixture

ONE = 'assert post("/customers", customer) == 201\n'


def test_a_command_that_exercises_too_little_fails(
    execute: Exec,  # noqa: F811
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    file = tmp_path / "report.json"
    asked = ("--report", f"json={file}", "--fail-under", "endpoints=3")
    assert execute(*asked, *python(ONE)) == 0
    assert execute(*asked, "--fail-under", "faults=1", *python(ONE)) == 1
    told = "meterbox: faults: 0.0 % exercised, under the 1 % wanted."
    assert told in capfd.readouterr().err.splitlines()
    covered = {one["kind"]: one for one in json.loads(file.read_text())["coverage"]}
    assert covered["endpoints"]["exercised"] == ["create-customer"]
    assert "create-customer name" in covered["fields"]["exercised"]


def test_a_command_that_fails_keeps_its_own_code_and_is_reported(
    execute: Exec,  # noqa: F811
    tmp_path: Path,
) -> None:
    file = tmp_path / "report.json"
    asked = ("--report", f"json={file}", "--fail-under", "100")
    assert execute(*asked, *python("sys.exit(7)")) == 7
    assert json.loads(file.read_text())["totals"]["failed"] == 0
