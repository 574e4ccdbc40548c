"""One run of the forwarder: reads, takes in, delivers, and stops when it is told to."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import click

from sandbox.app import Sandbox
from sandbox.cli.output import progress, write, write_json
from sandbox.cli.payloads import size
from sandbox.cli.sources import Piece, Source, pieces
from sandbox.server import Server, listen
from translators.forwarding.outbox import Outbox
from translators.forwarding.worker import Forwarder

__all__ = ["Job", "run"]

CROWD = 20_000
"""Deliveries that may wait while more is read."""
TOLD = 10
INTERRUPTED = 130


@dataclass(frozen=True)
class Job:
    """What one run is to do; `listening` is a host and a port."""

    sources: Sequence[Source]
    listening: tuple[str, int] | None
    as_json: bool


@dataclass
class Run:
    """A run as it goes; `unread` counts lines that hold no event."""

    job: Job
    forwarder: Forwarder
    outbox: Outbox
    unread: int = 0

    async def work(self, stop: asyncio.Event) -> None:
        """Read every source, and see everything delivered."""
        for source in self.job.sources:
            await self._read(source)
        if self.job.listening is not None:
            await stop.wait()
        else:
            await self.forwarder.drain()

    async def _read(self, source: Source) -> None:
        place = source.place()
        read = await self.outbox.position(place) if place is not None else 0
        with progress(size([source.name]), source.name) as advance:
            async for piece in pieces(source, place, read):
                self.forwarder.take(source.origin, piece.events, piece.position)
                await self.forwarder.written()
                self._complain(source, piece)
                advance(piece.size)
                while await self.outbox.waiting() > CROWD and not await self.forwarder.idle():
                    await asyncio.sleep(0.05)

    def _complain(self, source: Source, piece: Piece) -> None:
        for line, why in piece.unread[: max(0, TOLD - self.unread)]:
            click.echo(f"{source.name}:{line}: {why}", err=True)
        self.unread += len(piece.unread)


async def run(sandbox: Sandbox, outbox: Outbox, job: Job) -> int:
    """Forward until all is delivered or somebody says stop; answers the exit code."""
    assert sandbox.forwarding is not None
    going, stop = Run(job, sandbox.forwarding.forwarder, outbox), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with _working(sandbox, job, stop):
            finished = await _unless(stop, going.work(stop))
        left = await outbox.waiting()
    finally:
        await outbox.close()
    dead = _told(going, left)
    if not finished and job.listening is None:
        return INTERRUPTED
    return 1 if going.unread or dead else 0


@asynccontextmanager
async def _working(sandbox: Sandbox, job: Job, stop: asyncio.Event) -> AsyncIterator[None]:
    """The forwarder at work, and the source's API before it where there is one."""
    if job.listening is None:
        async with sandbox.lifespan():
            yield
        return
    socket = listen(*job.listening)
    host, port = socket.getsockname()[:2]
    server = Server(sandbox, alone=True, leaving=sandbox.leave)
    serving = asyncio.create_task(server.serve(sockets=[socket]))
    serving.add_done_callback(lambda _: stop.set())  # who stops the server stops all
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    vendors = {name: f"{url}/{name}" for name in sandbox.accounts.rooms}
    if job.as_json:
        write_json({"url": url, "sources": vendors})
    else:
        write(f"Taking events at {', '.join(vendors.values())}, until Ctrl-C.")
    try:
        yield
    finally:
        server.should_exit = True
        await serving


async def _unless(stop: asyncio.Event, work: Awaitable[None]) -> bool:
    """Do some work unless somebody says stop; whether it was finished."""
    task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        await task
        return True
    task.cancel()
    await asyncio.wait([task])
    return False


def _told(going: Run, left: int) -> int:
    """Tell what came of the run; how many deliveries are dead."""
    kinds: dict[str, Counter[str]] = {}
    for (vendor, kind), count in sorted(going.forwarder.counts.items()):
        kinds.setdefault(vendor, Counter())[kind] = count
    if going.job.as_json:
        write_json({"vendors": kinds, "waiting": left, "unread": going.unread})
    else:
        for vendor, counts in kinds.items():
            write(f"{vendor}: {', '.join(f'{n:,} {kind}' for kind, n in counts.items())}")
        if going.unread:
            write(f"{going.unread:,} lines hold no event.")
        wait = f"{left:,} deliveries wait in the outbox; the next run goes on with them."
        write(wait if left else "Nothing waits.")
    return sum(counts["dead"] for counts in kinds.values())
