"""A case played in this process, on a clock that leaps: the same seed gives the same trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from sandbox.account import Account
from sandbox.proving.case import Case
from sandbox.proving.child import TERMS
from sandbox.proving.expectation import Expectation
from sandbox.proving.hurry import hurried
from sandbox.proving.outcome import Played, ends
from sandbox.proving.place import Place, placed
from sandbox.proving.tracing import watch
from translators.forwarding.delivery import Target
from translators.forwarding.inside import Inside
from translators.forwarding.sqlite import SqliteOutbox
from translators.forwarding.worker import Destination, Forwarder

__all__ = ["rehearsed"]

ORIGIN = "prove"
TOGETHER = 100
ENDLESS = 1 << 40
FEW = 1_000
LONGEST = timedelta(days=2)


def rehearsed(case: Case, _: Expectation | None = None) -> Played:
    """Have the forwarder deliver the events to a sandbox in this process, to the end."""
    return hurried(_rehearsed(case))


async def _rehearsed(case: Case) -> Played:
    loop = asyncio.get_running_loop()

    def now() -> datetime:
        return case.at + timedelta(seconds=loop.time())

    place = await placed(case, now)
    trace = watch(place)
    async with _outbox(len(case.events)) as outbox:
        async with _forwarder(case, place, outbox, now) as forwarder:
            stuck = await _unless_stuck(_delivered(case, forwarder))
        told = ends(outbox.of(ORIGIN))
    return Played(place.accounts, told, place.strikes(), stuck, trace)


async def _delivered(case: Case, forwarder: Forwarder) -> None:
    for some in _pieces(case.events):
        forwarder.take(ORIGIN, some)
        await forwarder.written()
    await forwarder.drain()


async def _unless_stuck(work: Coroutine[Any, Any, None]) -> str | None:
    """Why some work did not come to its end; None when it did."""
    try:
        async with asyncio.timeout(LONGEST.total_seconds()):
            await work
    except TimeoutError:
        return f"deliveries that still wait after {LONGEST.days} days"
    return None


@asynccontextmanager
async def _outbox(events: int) -> AsyncIterator[SqliteOutbox]:
    """In memory if it is for few: what is in memory is bounded, and counted at each change."""
    with TemporaryDirectory() if events > FEW else nullcontext() as folder:
        file = Path(folder) / "outbox.sqlite3" if folder else None
        outbox = SqliteOutbox(file, most=ENDLESS, kept=ENDLESS)
        try:
            yield outbox
        finally:
            await outbox.close()


def _forwarder(case: Case, place: Place, outbox: SqliteOutbox, now: Any) -> Forwarder:
    inside = Inside(httpx.ASGITransport(app=place.sandbox))
    destinations = [
        Destination(vendor, given, _target(place.accounts[vendor], inside))
        for vendor, given in case.settings.items()
    ]
    return Forwarder(
        destinations,
        lambda _, length: asyncio.sleep(length.total_seconds()),
        lambda _: now(),
        Random(f"{case.seed}:waits"),
        terms=TERMS,
        batching=True,
        outbox=outbox,
    )


def _target(account: Account, inside: Inside) -> Any:
    target = Target(f"http://127.0.0.1/{account.vendor}", account.key, inside)
    return lambda _: target


def _pieces(events: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    for start in range(0, len(events), TOGETHER):
        yield events[start : start + TOGETHER]
