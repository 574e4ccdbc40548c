"""What `meterbox validate` does in a second: `python -m tests.benchmarks.validate [EVENTS]`.

Events go through a pipe to a process of its own, which is judged by the processor's time it takes,
its start apart. The floor parses each line and asks the compiled schema of the contract, and no
more. Memory is that after 5 % of the events and that after the last. With --lint, which compares
keys, memory grows until there are as many as it keeps.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import orjson

from tests.running import PROGRAM, environment

EVENTS = 1_000_000
STEP = 10_000
FLOOR = """
import sys
import orjson
from contracts.reader import read
event = read("orb").endpoint("ingest").event
valid = event.compiled({"type": "array", "items": event.document})
for line in iter(lambda: sys.stdin.buffer.readlines(16384), []):
    assert valid([*map(orjson.loads, line)])
"""
RUNS = {
    "floor": [sys.executable, "-c", FLOOR],
    "validate": [*PROGRAM, "validate", "orb"],
    "validate --lint": [*PROGRAM, "validate", "orb", "--lint", "--now", "2026-01-15T13:00:00Z"],
}


def main(count: int) -> None:
    print(f"{count:,} events, of {len(b''.join(events(0, 100))) // 100} bytes each")
    print(f"{'':<17}{'events/s of a core':>20}{'of the floor':>14}{'after 5 %':>11}{'at end':>9}")
    floor = 0.0
    for name, command in RUNS.items():
        idle, _ = took(command, 0)
        used, memory = took(command, count)
        rate = count / (used - idle)
        floor = floor or rate
        sizes = "".join(f"{size / 2**20:7.1f} MB" for size in memory)
        print(f"{name:<17}{rate:>20,.0f}{rate / floor:>14.0%} {sizes}")
    print(f"the first violation is told {first():.1f} ms after its line was written")


def took(command: list[str], count: int) -> tuple[float, tuple[int, int]]:
    """Seconds of the processor's time, and memory after 5 % of the events and at the end."""
    sizes = [0, 0]
    with started(command) as process:
        assert process.stdin is not None
        for begin in range(0, count, STEP):
            process.stdin.writelines(events(begin, min(begin + STEP, count)))
            sizes[begin >= count // 20] = memory(process)
        process.stdin.close()
        assert process.stdout is not None
        process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return usage.ru_utime + usage.ru_stime, (sizes[0], sizes[1])


def first() -> float:
    """Milliseconds until the first violation is told, of a stream that goes on."""
    wrong = next(events(0, 1)).replace(b"2026-01-15", b"yesterday")
    with started(RUNS["validate"]) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):  # once to be sure that it runs
            begun = perf_counter()
            process.stdin.write(wrong)
            process.stdin.flush()
            process.stdout.readline()
        return (perf_counter() - begun) * 1_000


def started(command: list[str]) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment())


def memory(process: subprocess.Popen[bytes]) -> int:
    """Bytes that are resident."""
    pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def events(begin: int, end: int) -> Iterator[bytes]:
    for n in range(begin, end):
        minute, second = divmod(n // 1_000 % 3_600, 60)
        event = {
            "event_name": "api_call",
            "timestamp": f"2026-01-15T12:{minute:02}:{second:02}.{n % 1_000:03}Z",
            "idempotency_key": f"5b0c2d9e-{n}",
            "external_customer_id": f"acme-{n % 500}",
            "properties": {"region": "us-east-1", "tokens": n % 977, "cached": False},
        }
        yield orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS)
