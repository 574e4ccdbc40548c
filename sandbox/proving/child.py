"""A forwarder in a process of its own, which can be killed and goes on from its outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from sandbox.app import Options, Sandbox, create_app
from sandbox.deliveries import Destination
from sandbox.proving.intake import source
from sandbox.server import Server, listen
from translators.forwarding.sqlite import SqliteOutbox
from translators.forwarding.terms import Terms

__all__ = ["STOP", "TERMS", "WAITING", "Order", "forward"]

TERMS = Terms(concurrency=8, breaker=5)
WAITING = "waiting"
"""Has the forwarder tell how many deliveries wait."""
STOP = "stop"
"""Has it finish what is under way, and end."""


@dataclass(frozen=True)
class Order:
    """`outbox` is a file, `scale` compresses the waits."""

    outbox: Path
    destinations: Mapping[str, Destination]
    seed: int
    scale: float


def forward(order: Order, line: Connection) -> None:
    """Forward until told to stop; the port of the intake is the first that is said on the line."""
    asyncio.run(_forward(order, line))


async def _forward(order: Order, line: Connection) -> None:
    outbox = SqliteOutbox(order.outbox)
    sandbox = _source(order, outbox)
    server = Server(sandbox, leaving=sandbox.leave)
    listening = listen("127.0.0.1", 0)
    _heed(line, outbox, server)
    line.send(listening.getsockname()[1])  # whoever asks before it serves waits for it
    await server.serve(sockets=[listening])
    await outbox.close()


def _source(order: Order, outbox: SqliteOutbox) -> Sandbox:
    """The source, and the forwarder of what it accepts."""
    return create_app(
        Options(
            vendors=[source()],
            destinations=order.destinations,
            seed=order.seed,
            terms=TERMS,
            batching=True,
            outbox=outbox,
            scale=order.scale,
        )
    )


def _heed(line: Connection, outbox: SqliteOutbox, server: Server) -> None:
    """Do what the line says, as it says it."""
    loop = asyncio.get_running_loop()
    telling: set[asyncio.Task[None]] = set()

    async def tell() -> None:
        line.send(await outbox.waiting())

    def hear() -> None:
        try:
            told = line.recv()
        except EOFError:  # who started this process is gone
            told = STOP
        if told == WAITING:
            task = loop.create_task(tell())
            telling.add(task)
            task.add_done_callback(telling.discard)
        else:
            loop.remove_reader(line.fileno())
            server.should_exit = True

    loop.add_reader(line.fileno(), hear)
