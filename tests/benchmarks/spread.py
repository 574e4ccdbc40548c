"""Measures ingestion through nginx, before one process and before two, beside a bare process.

    python -m tests.benchmarks.spread [--seconds 5] [--rounds 3] [--events 20]

All three in each round, of the same minutes, with fresh processes and 64 keys. Quote the ratios. By
rate they are of this machine: the load, nginx and the processes share its cores. By CPU they are of
what the busiest process spends on a request of the whole, which bounds what as many cores can do.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from tests.benchmarks.ingest import Figure, sent, spent
from tests.running import NGINX, Nginx, Up

KEYS = 64
WAYS = {"bare": 0, "nginx, 1 process": 1, "nginx, 2 processes": 2}
"""How many processes are behind nginx; 0 is one process without it."""


@contextmanager
def address(processes: int) -> Iterator[tuple[str, list[int]]]:
    """The URL of so many processes behind nginx, and their ids."""
    with ExitStack() as running:
        ups = [running.enter_context(Up()) for _ in range(processes or 1)]
        pids = [up.pid for up in ups]
        if not processes:
            yield ups[0].url, pids
            return
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        nginx = Nginx(folder, *(up.url for up in ups))
        yield running.enter_context(nginx).url, pids


def figure(processes: int, events: int, seconds: int, run: int) -> Figure:
    """Requests a second, and the CPU time of the busiest process, for one of all requests."""
    with address(processes) as (url, pids):
        sent(url, events, 1, 0, keys=KEYS)
        before = [spent(pid) for pid in pids]
        rate, requests = sent(url, events, seconds, run, keys=KEYS)
        busiest = max(spent(pid) - then for pid, then in zip(pids, before, strict=True))
        return Figure(rate, busiest / requests * 1e6)


def measured(events: int, seconds: int, rounds: int) -> dict[str, list[Figure]]:
    """Way -> one figure for each round."""
    found: dict[str, list[Figure]] = {way: [] for way in WAYS}
    for round_ in range(rounds):
        for way, processes in WAYS.items():
            found[way].append(figure(processes, events, seconds, round_ + 1))
    return found


def report(events: int, found: dict[str, list[Figure]]) -> None:
    print(f"POST /v1/ingest, {events} events a request, {KEYS} keys, {os.cpu_count()} cores")
    for way, figures in found.items():
        rate = median(figure.rate for figure in figures)
        pairs = list(zip(figures, found["bare"], strict=True))
        rates = told([ours.rate / bare.rate for ours, bare in pairs])
        cpus = told([bare.cpu / ours.cpu for ours, bare in pairs])
        print(f"  {way:<18} {rate:>7,.0f} requests/s   to bare by rate {rates}, by CPU {cpus}")


def told(ratios: list[float]) -> str:
    return f"{median(ratios):.0%} ({min(ratios):.0%} to {max(ratios):.0%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, nargs="*", default=[1, 20, 500])
    given = parser.parse_args()
    for program, found in (("wrk", shutil.which("wrk")), ("nginx", NGINX)):
        if found is None:
            raise SystemExit(f"This needs {program}: apt-get install {program}.")
    for events in given.events:
        report(events, measured(events, given.seconds, given.rounds))


if __name__ == "__main__":
    main()
