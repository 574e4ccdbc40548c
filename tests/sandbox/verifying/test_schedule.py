"""The scheduled job of the README: it is YAML, and what it runs is there."""

from __future__ import annotations

import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import yaml

from contracts.reader import vendors
from sandbox.cli.main import COMMANDS

FILE = Path(__file__).parents[2] / "examples" / "github" / "vendor-drift.yml"


def commands(job: dict[str, Any]) -> list[list[str]]:
    """Every command of ours that a job runs."""
    lines = [
        line
        for step in job["steps"]
        for line in step.get("run", "").replace("\\\n", " ").splitlines()
    ]
    return [shlex.split(line)[1:] for line in lines if line.startswith("meterbox ")]


def test_the_scheduled_job_runs_commands_that_there_are() -> None:
    told = yaml.safe_load(FILE.read_text())
    assert told[True]["schedule"]  # what YAML makes of `on`
    (job,) = told["jobs"].values()
    found = commands(job)
    assert [name for name, *_ in found] == ["verify", "drift"]
    for name, *arguments in found:
        assert name in COMMANDS
        command: click.Command = import_module(f"sandbox.cli.{name}").command
        context = command.make_context(name, arguments, resilient_parsing=True)
        assert context.params["vendor"] in vendors()
        assert context.args == []


def test_the_readme_names_it() -> None:
    assert "tests/examples/github/vendor-drift.yml" in (FILE.parents[3] / "README.md").read_text()
