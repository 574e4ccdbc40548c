"""`meterbox fault`: what goes wrong on an account of a running sandbox, from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.server import Running
from tests.sandbox.cli.conftest import Run


def listed(run: Run, server: Running, key: str) -> list[dict[str, object]]:
    told = run("fault", "list", "acme", key, "--json", "--url", server.url)
    assert told.exit_code == 0, told.output
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_one_fault_is_set_listed_and_cleared(run: Run, acme_server: Running, key: str) -> None:
    at = ("acme", key, "--url", acme_server.url)
    told = run("fault", "add", *at, "--kind", "status", "--status", "429", "--times", "always",
               "--retry-after", "3", "--endpoint", "record-usage")  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "status" in told.stdout
    assert "always" in told.stdout
    [fault] = listed(run, acme_server, key)
    assert (fault["status"], fault["times"], fault["retry_after"]) == (429, None, 3)
    assert run("fault", "clear", *at).exit_code == 0
    assert listed(run, acme_server, key) == []


def test_presets_and_files_go_together(
    run: Run, acme_server: Running, key: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[[fault]]\nkind = 'reset'\n[[fault]]\nkind = 'delay'\nvendor = 'other'")
    told = run("fault", "add", "acme", key, "--url", acme_server.url, "--preset", "lost-replies",
               "--file", str(file), "--seed", "5")  # fmt: skip
    assert told.exit_code == 0, told.output
    kinds = [(fault["kind"], fault["seed"]) for fault in listed(run, acme_server, key)]
    assert kinds == [("lost-reply", 5_000), ("reset", 5_000)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--preset, --file or --kind"),
        (("--preset", "flaky", "--status", "500"), "--status goes with --kind"),
        (("--kind", "explode"), "one of delay"),
        (("--kind", "reset", "--endpoint", "nowhere"), "record-usage"),
        (("--kind", "reset", "--times", "often"), "times"),
        (("--preset", "flakey"), "did you mean 'flaky'"),
    ],
)
def test_what_cannot_be_is_told_in_a_line_and_sets_nothing(
    run: Run, acme_server: Running, key: str, options: tuple[str, ...], said: str
) -> None:
    told = run("fault", "add", "acme", key, "--url", acme_server.url, *options)
    assert told.exit_code == 2
    assert said in told.stderr
    assert listed(run, acme_server, key) == []


def test_the_presets_are_listed(run: Run) -> None:
    told = run("fault", "presets")
    assert [line.split()[0] for line in told.stdout.splitlines()] == [
        "flaky", "lost-replies", "outage", "slow", "throttled"
    ]  # fmt: skip
