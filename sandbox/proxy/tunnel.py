"""A tunnel to another host: bytes both ways, untouched."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sandbox.courier import addresses
from sandbox.proxy.egress import Place

__all__ = ["Streams", "bore", "tunnel"]

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PATIENCE, IDLE = 20.0, 600.0
PIECE = 64 * 1024


async def bore(place: Place) -> Streams:
    """A connection there. Raises OSError or TimeoutError."""
    *others, last = addresses(place.host)
    async with asyncio.timeout(PATIENCE):
        for address in others:
            with suppress(OSError):
                return await asyncio.open_connection(address, place.port)
        return await asyncio.open_connection(last, place.port)


async def tunnel(near: Streams, far: Streams, early: bytes = b"") -> None:
    """Carry bytes between the two until both are done, or neither says anything for long.

    `early` is what the near end said before there was a tunnel.
    """
    far[1].write(early)
    try:
        async with asyncio.TaskGroup() as carrying:
            carrying.create_task(_carry(near[0], far[1]))
            carrying.create_task(_carry(far[0], near[1]))
    except* (OSError, TimeoutError):
        pass
    finally:
        for writer in (near[1], far[1]):
            writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        async with asyncio.timeout(IDLE):
            piece = await reader.read(PIECE)
        if not piece:
            break
        writer.write(piece)
        await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()
