"""A case played for real: vendors on a port, and a forwarder process that is killed and comes back.

Events are sent to the forwarder's intake until it has answered 200; what it answered must not be
lost, whenever it dies.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import orjson

from contracts.reader import read
from sandbox.account import Account
from sandbox.app import Options, create_app
from sandbox.deliveries import Destination, origin_of
from sandbox.proving.case import NAME, Case
from sandbox.proving.child import Order, forward
from sandbox.proving.doom import Doom, least
from sandbox.proving.expectation import Expectation
from sandbox.proving.intake import headers, path, source
from sandbox.proving.keeping import Forward, Keeper
from sandbox.proving.outcome import End, Played, ends
from sandbox.proving.place import Place, placed
from sandbox.proving.tracing import watch
from sandbox.server import Running
from translators.forwarding.sqlite import SqliteOutbox
from translators.forwarding.trust import trust

__all__ = ["played", "rushing"]

TOGETHER, LARGE = 100, 400_000
"""Events in one request to the intake, and bytes of it."""
HERE = "http://127.0.0.1"
IDLE = 120.0
"""Seconds in which nothing arrives anywhere, after which nothing will."""


def played(case: Case, expectation: Expectation, forwarder: Forward = forward) -> Played:
    """Feed a forwarder process, kill it as often as asked, and let its last successor finish."""
    with TemporaryDirectory() as folder:
        return asyncio.run(_played(case, expectation, Path(folder) / "outbox", forwarder))


def rushing(case: Case, scale: float) -> Any:
    """A clock that begins at the case's time and is so much faster than the machine's."""
    began = time.monotonic()

    def now() -> datetime:
        return case.at + timedelta(seconds=(time.monotonic() - began) / scale)

    return now


async def _played(case: Case, expectation: Expectation, outbox: Path, forwarder: Forward) -> Played:
    place = await placed(case, rushing(case, case.scale))
    pieces = list(_pieces(case))
    with Running(place.sandbox) as server:
        order = Order(outbox, _destinations(place, case, server.url), case.seed, case.scale)
        async with Keeper(order, forwarder) as keeper:
            doom = Doom(case, len(pieces), least(case, expectation), keeper.kill)
            trace = watch(place, doom.asked)
            await _feed(pieces, keeper, doom)
            stuck = await _drained(keeper, trace)
            await keeper.stop()
            kills = keeper.kills
    told = await _ends(outbox)
    return Played(place.accounts, told, place.strikes(), stuck, trace, kills)


def _destinations(place: Place, case: Case, url: str) -> dict[str, Destination]:
    return {
        vendor: Destination(given, f"{url}/{vendor}", place.accounts[vendor].key)
        for vendor, given in case.settings.items()
    }


def _pieces(case: Case) -> Iterator[bytes]:
    """The bodies that bring the events to the intake: about twice as many as kills come by them."""
    most = max(1, min(TOGETHER, len(case.events) // (2 * case.kills) if case.kills else TOGETHER))
    piece: list[Mapping[str, Any]] = []
    size = 0
    for event in case.events:
        length = len(orjson.dumps(event))
        if piece and (len(piece) == most or size + length > LARGE):
            yield orjson.dumps({"batch": piece})
            piece, size = [], 0
        piece.append(event)
        size += length
    if piece:
        yield orjson.dumps({"batch": piece})


async def _feed(pieces: Sequence[bytes], keeper: Keeper, doom: Doom) -> None:
    """Send each piece until it is answered 200."""
    async with httpx.AsyncClient(
        trust_env=False, timeout=10, headers=headers(), verify=trust(HERE)
    ) as client:
        for piece in pieces:
            while not await _taken(piece, keeper, client):
                await asyncio.sleep(0.01)
            wait = doom.answered()
            if wait is not None:
                await asyncio.sleep(wait)
                while not keeper.kill():
                    await asyncio.sleep(0.01)  # it has just died of something else


async def _taken(piece: bytes, keeper: Keeper, client: httpx.AsyncClient) -> bool:
    url = f"{HERE}:{await keeper.port()}/{source()}{path()}"
    try:
        answer = await client.post(url, content=piece)
    except httpx.TransportError:
        return False
    return answer.status_code == 200


async def _drained(keeper: Keeper, trace: Sequence[str]) -> str | None:
    """Wait until nothing waits; why that will not come, if it will not."""
    seen, since = len(trace), time.monotonic()
    while (left := await keeper.waiting()) != 0:
        await asyncio.sleep(0.2)
        if len(trace) != seen:
            seen, since = len(trace), time.monotonic()
        if time.monotonic() - since > IDLE:
            return f"{left} deliveries that wait, and nothing arrives"
    return None


async def _ends(file: Path) -> dict[tuple[str, str], End]:
    """How the forwarders left each event, by their outbox."""
    outbox = SqliteOutbox(file)
    try:
        return ends(outbox.of(origin_of(_source())))
    finally:
        await outbox.close()


def _source() -> Account:
    sandbox = create_app(Options(vendors=[source()]))
    return sandbox.accounts.open(source(), read(source()).key(NAME))
