"""Measures the way from Segment's SDKs to a vendor: intake, outbox, translation, delivery, sandbox.

    python -m tests.benchmarks.forward [--events 40000] [--rounds 3]

`meterbox forward` and the sandbox it delivers to share one core, where the machine lets them be
bound to one; what sends to them has another. Events come in batches of 100, as SDKs send them, and
leave in batches for Orb. The floor is the same with an outbox in memory, in the same run: quote
the ratio, for the machine's speed is not the same from one minute to the next.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from contracts.reader import read
from tests.benchmarks.ingest import spent
from tests.running import PROGRAM, environment

BATCH = 100
SENDERS = 4
KEY = "demo"


@dataclass(frozen=True)
class Figure:
    """Events a second from the first that was sent to the last that was billed, and microseconds
    of both programs' CPU time for one."""

    rate: float
    cpu: float


@contextmanager
def program(*arguments: str, core: int | None) -> Iterator[tuple[int, Any]]:
    """A program's process id, and what it says first."""
    process = subprocess.Popen(
        [*PROGRAM, *arguments, "--json"], stdout=subprocess.PIPE, env=environment()
    )
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    assert process.stdout is not None
    try:
        yield process.pid, json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def bodies(count: int, run: int) -> list[bytes]:
    """Batches as an SDK sends them, every event with an id of its own."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    call = {"type": "track", "event": "api_call", "timestamp": now, "context": {"library": {}}}
    more = {"properties": {"amount": 3, "region": "eu-west-1"}}
    return [
        json.dumps(
            {
                "writeKey": read("segment").key("bench"),
                "batch": [
                    {**call, **more, "userId": f"u{n % 97}", "messageId": f"{run}-{n}"}
                    for n in range(first, first + BATCH)
                ],
            }
        ).encode()
        for first in range(0, count, BATCH)
    ]


def post(url: str, todo: Iterator[bytes], lock: threading.Lock) -> None:
    place = urlsplit(url)
    client = http.client.HTTPConnection(place.hostname or "", place.port)
    while True:
        with lock:
            body = next(todo, None)
        if body is None:
            client.close()
            return
        client.request("POST", f"{place.path}/v1/batch", body)
        answer = client.getresponse()
        if answer.read() != b'{"success":true}':
            raise SystemExit(f"the intake answered {answer.status}")


def billed(control: str) -> int:
    """How many events the vendor's ledger bills."""
    place = urlsplit(control)
    client = http.client.HTTPConnection(place.hostname or "", place.port)
    client.request("GET", f"{place.path}/accounts/orb/{read('orb').key(KEY)}/ledger?limit=1")
    totals = json.loads(client.getresponse().read())["totals"]
    client.close()
    return sum(total["quantity"] for total in totals)


def measured(count: int, run: int, outbox: str, core: int | None) -> Figure:
    """One run with that outbox."""
    todo, lock = iter(bodies(count, run)), threading.Lock()
    with program("up", "--port", "0", core=core) as (up, told):
        to = f"orb={told['url']}/orb"
        settle(told["control"])
        forward = ("forward", "--listen", "0", "--to", to, "--outbox", outbox)
        with program(*forward, core=core) as (forwarder, sources):
            before, began = spent(up) + spent(forwarder), time.perf_counter()
            url = sources["sources"]["segment"]
            senders = [
                threading.Thread(target=post, args=(url, todo, lock)) for _ in range(SENDERS)
            ]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
            while billed(told["control"]) < count:
                time.sleep(0.2)
            took = time.perf_counter() - began
            cpu = spent(up) + spent(forwarder) - before
    return Figure(count / took, cpu / count * 1e6)


def settle(control: str) -> None:
    """Have Orb bill customers that nobody has made."""
    place = urlsplit(control)
    client = http.client.HTTPConnection(place.hostname or "", place.port)
    switch = json.dumps({"orb.ingest.unknown-external-customer": "billed"})
    path = f"{place.path}/accounts/orb/{read('orb').key(KEY)}/settings"
    client.request("PATCH", path, switch, {"content-type": "application/json"})
    if client.getresponse().status != 200:
        raise SystemExit("the setting was refused")
    client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    core = cores[0] if len(cores) > 1 else None
    if core is not None:
        os.sched_setaffinity(0, set(cores[1:]))
    found: dict[str, list[Figure]] = {"floor": [], "ours": []}
    for run in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            found["floor"].append(measured(given.events, run, "memory:", core))
            file = str(Path(folder) / "outbox.sqlite3")
            found["ours"].append(measured(given.events, run, file, core))
    for name, figures in found.items():
        rate = median(figure.rate for figure in figures)
        cpu = median(figure.cpu for figure in figures)
        told = f"{rate:,.0f} events/s, {cpu:.0f} us CPU for one ({1e6 / cpu:,.0f}/s a core)"
        sys.stdout.write(f"{name}: {told}\n")
    ratios = [
        ours.rate / floor.rate for ours, floor in zip(found["ours"], found["floor"], strict=True)
    ]
    sys.stdout.write(f"durable / in memory: {median(ratios):.0%}\n")


if __name__ == "__main__":
    main()
