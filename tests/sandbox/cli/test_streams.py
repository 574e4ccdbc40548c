"""`meterbox validate` on a stream that has not ended: told at once, in memory that stays."""

import fcntl
import os
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.forked import PIPE, Forked
from tests.running import environment
from tests.sandbox.cli.conftest import EVENT

LATE = orjson.dumps({**EVENT, "timestamp": "yesterday"}) + b"\n"
RIGHT = orjson.dumps(EVENT) + b"\n"
BLOCK = RIGHT * 20_000
MEGABYTE = 2**20
Started = Callable[..., Forked]


@pytest.fixture
def started() -> Iterator[Started]:
    """Starts `meterbox validate orb` with pipes; killed at the end of the test."""
    running: list[Forked] = []

    def start(*arguments: str, **more: Any) -> Forked:
        command = ("validate", "orb", *arguments)
        process = Forked(*command, env=environment(), stdin=PIPE, stdout=PIPE, **more)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        with suppress(BrokenPipeError), process:
            pass


def told(process: Forked) -> bytes:
    """The next line of the output, for which the test's timeout is the only end."""
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("option", ["--no-lint", "--lint", "--json"])
def test_a_violation_is_told_before_the_stream_ends(started: Started, option: str) -> None:
    process = started(option)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(LATE)
    process.stdin.flush()
    # What there is of it: a line of the JSON is ended by what comes after it.
    assert b"yesterday" in os.read(process.stdout.fileno(), 65_536)
    process.stdin.write(RIGHT + LATE)
    process.stdin.flush()
    assert b"yesterday" in os.read(process.stdout.fileno(), 65_536)
    process.stdin.close()
    assert process.wait(20) == 1


def test_a_violation_is_told_before_a_named_pipe_ends(started: Started, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events")
    process = started("events", cwd=tmp_path)
    with (tmp_path / "events").open("wb") as pipe:
        pipe.write(LATE)
        pipe.flush()
        assert told(process).startswith(b"events:1: $.timestamp: ")
    assert process.wait(20) == 1


def test_a_broken_first_line_is_told_once_the_second_shows_that_these_are_lines(
    started: Started,
) -> None:
    process = started()
    assert process.stdin is not None
    process.stdin.write(b'{"events": [],}\n')
    process.stdin.flush()
    while unread(process):
        time.sleep(0.01)
    process.stdin.write(RIGHT)
    process.stdin.flush()
    assert told(process).startswith(b"stdin:1: $: is not JSON: ")


def unread(process: Forked) -> int:
    """Bytes that wait in the pipe."""
    assert process.stdin is not None
    return int.from_bytes(fcntl.ioctl(process.stdin, termios.FIONREAD, b"\0" * 4), sys.byteorder)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells memory so")
def test_memory_is_the_same_after_ten_times_as_many_events(started: Started) -> None:
    process = started()
    used = [after(process, times) for times in (1, 9)]
    assert used[1] - used[0] < MEGABYTE


def after(process: Forked, times: int) -> int:
    """The process's memory in bytes once it has judged so many blocks of events."""
    assert process.stdin is not None
    for _ in range(times):
        process.stdin.write(BLOCK)
    process.stdin.write(LATE)  # which is told when all before it are judged
    process.stdin.flush()
    assert told(process)
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
