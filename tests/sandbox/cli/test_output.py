"""What commands look like on a terminal, and piped."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.reader import read
from tests.sandbox.cli.conftest import EVENT

METERBOX = [sys.executable, "-c", "from sandbox.cli.main import main; main()"]
STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(*arguments: str) -> str:
    """What the command writes to a terminal, output and errors."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "300"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [*METERBOX, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    written = b"".join(iter(lambda: _read(ours), b""))
    process.wait(timeout=30)
    os.close(ours)
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end is closed
        return b""


def plain(text: str) -> list[str]:
    return [line.strip() for line in STYLE.sub("", text).splitlines()]


@pytest.fixture
def late(write, tmp_path: Path) -> str:
    return str(tmp_path / write("e.ndjson", {**EVENT, "timestamp": "yesterday"}))


def test_a_terminal_shows_findings_in_colour_below_a_progress_bar(late: str):
    shown = on_terminal("validate", "orb", late)
    assert "\x1b[" in shown
    assert "Checking" in shown
    assert any(
        line.endswith("$.timestamp: 'yesterday' is not a 'date-time' [orb.ingest.timestamp]")
        for line in plain(shown)
    )


def test_a_terminal_shows_what_is_linted_in_colour_and_lists_it(write, tmp_path: Path):
    file = str(tmp_path / write("e.ndjson", EVENT, {**EVENT, "event_name": "other"}))
    shown = on_terminal("validate", "orb", file, "--lint")
    assert "\x1b[1;31merror: " in shown
    assert any(line.endswith("[lint.key.different-body]") for line in plain(shown))
    assert "lint.key.different-body  error" in plain(on_terminal("rules", "--lint"))


def test_piped_there_is_no_colour_and_no_progress_bar(late: str):
    ran = subprocess.run([*METERBOX, "validate", "orb", late], capture_output=True, timeout=30)
    assert b"\x1b" not in ran.stdout
    assert ran.stderr == b""


def test_a_terminal_shows_rules_as_paragraphs_and_counts_them():
    lines = plain(on_terminal("rules", "orb", "--confidence", "observed"))
    assert "orb.customer.defaults  observed" in lines
    count = sum(rule.confidence == "observed" for rule in read("orb").rules.values())
    assert lines[-1] == f"{count} rules: {count} observed"
