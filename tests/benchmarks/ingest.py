"""Measures ingestion against a floor, both in one run on one machine.

    python -m tests.benchmarks.ingest [--seconds 5] [--rounds 3]

Both servers are uvicorn with uvloop and httptools, in the same configuration; the floor is
tests/benchmarks/floor.py, ours is `meterbox up` as it comes. Every event has a key of its own, so
each is stored. Quote the ratios: they are of the same minutes, and the machine's speed is not.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
METERBOX = str(Path(sys.executable).with_name("meterbox"))
TICK = os.sysconf("SC_CLK_TCK")
SERVERS = {
    "floor": [sys.executable, "-m", "tests.benchmarks.floor"],
    "ours": [METERBOX, "up", "--port"],
}


@dataclass(frozen=True)
class Figure:
    """Requests a second, and the server's CPU time for one, in microseconds."""

    rate: float
    cpu: float


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    url: str
    started: float

    def cpu(self) -> float:
        return spent(self.process.pid)

    def resident(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found[1]) / 1024 if found else 0.0


def spent(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


@contextmanager
def running(name: str, port: int) -> Iterator[Running]:
    """A server, from its start to its first good answer and on."""
    began = time.perf_counter()
    command = [*SERVERS[name], str(port)]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=HERE.parent.parent)
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(f"{url}/orb/v1/ping", process)
            yield Running(process, url, time.perf_counter() - began)
        finally:
            process.terminate()
            process.wait(10)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    request = urllib.request.Request(url, headers={"authorization": "Bearer bench"})
    while process.poll() is None:
        try:
            urllib.request.urlopen(request, timeout=1).read()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.005)
        else:
            return
    raise SystemExit(f"the server left with {process.returncode}")


def load(server: Running, events: int, seconds: int, run: int) -> Figure:
    """Send requests of so many events for some seconds."""
    before = server.cpu()
    rate, requests = sent(server.url, events, seconds, run)
    return Figure(rate, (server.cpu() - before) / requests * 1e6)


def sent(url: str, events: int, seconds: int, run: int, *, keys: int = 1) -> tuple[float, int]:
    """Requests a second, and how many there were, of so many events, for as many keys."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    done = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", str(HERE / "ingest.lua"), url],
        env={**os.environ, "EVENTS": str(events), "NOW": now, "RUN": str(run), "KEYS": str(keys)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in done:
        raise SystemExit(f"some answers were not good:\n{done}")
    rate, requests = (
        re.search(r"Requests/sec:\s+([\d.]+)", done),
        re.search(r"(\d+) requests", done),
    )
    assert rate is not None
    assert requests is not None
    return float(rate[1]), int(requests[1])


def measured(events: int, seconds: int, rounds: int, port: int) -> list[tuple[Figure, Figure]]:
    """Floor and ours in turn, each with a fresh process: (floor, ours) for each round."""
    pairs = []
    for round_ in range(rounds):
        figures = []
        for offset, name in enumerate(SERVERS):
            with running(name, port + 2 * round_ + offset) as server:
                load(server, events, 1, 0)
                figures.append(load(server, events, seconds, round_ + 1))
        pairs.append((figures[0], figures[1]))
    return pairs


def report(events: int, pairs: list[tuple[Figure, Figure]]) -> None:
    print(f"\nPOST /v1/ingest, {events} event{'s' if events > 1 else ''} a request")
    for index, name in enumerate(SERVERS):
        rate = median(pair[index].rate for pair in pairs)
        cpu = median(pair[index].cpu for pair in pairs)
        print(
            f"  {name:<6} {rate:>9,.0f} requests/s {rate * events:>11,.0f} events/s"
            f" {cpu:>8,.1f} us CPU/request"
        )
    rates = sorted(ours.rate / floor.rate for floor, ours in pairs)
    cpus = sorted(floor.cpu / ours.cpu for floor, ours in pairs)
    for what, ratios in (("rate", rates), ("CPU", cpus)):
        print(f"  ratio by {what:<5} {median(ratios):.0%} ({ratios[0]:.0%} to {ratios[-1]:.0%})")


def start(port: int) -> None:
    times, sizes = [], []
    for attempt in range(5):
        with running("ours", port + attempt) as server:
            times.append(server.started)
            sizes.append(server.resident())
    print(
        f"start to first 200: {median(times):.2f} s; resident after start: {median(sizes):.0f} MB"
    )


def validation(lines: int) -> None:
    """`meterbox validate orb` over a file of single events."""
    event = (
        '{"event_name":"api_call","timestamp":"2026-01-15T12:00:00.000Z","idempotency_key":"key-%d",'
        '"external_customer_id":"acme",'
        '"properties":{"region":"us-east-1","tokens":123,"cached":false}}\n'
    )
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
        file.writelines(event % number for number in range(lines))
        file.flush()
        began = time.perf_counter()
        command = [METERBOX, "validate", "orb", file.name]
        subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent.parent)
        took = time.perf_counter() - began
    print(f"meterbox validate orb: {lines / took:,.0f} events/s ({lines:,} events, start included)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=4700)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("This needs wrk: apt-get install wrk, or brew install wrk.")
    start(given.port)
    for events, offset in ((1, 20), (500, 40)):
        report(events, measured(events, given.seconds, given.rounds, given.port + offset))
    validation(1_000_000)


if __name__ == "__main__":
    main()
