"""The way to a vendor in this process, which acts as one at a socket does."""

from __future__ import annotations

import asyncio

import httpx

__all__ = ["Inside"]


class Inside(httpx.AsyncBaseTransport):
    """Has each request carried out to its end, whether or not its sender still waits for it.

    Otherwise a sender that runs out of time would take back what the vendor was about to apply.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self._under_way: set[asyncio.Task[httpx.Response]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        task = asyncio.create_task(self._transport.handle_async_request(request))
        self._under_way.add(task)
        task.add_done_callback(self._done)
        # `wait` leaves the task alone when it is cancelled itself.
        await asyncio.wait([task])
        if task.cancelled():
            raise httpx.RemoteProtocolError("the vendor stopped without an answer")
        return task.result()

    def _done(self, task: asyncio.Task[httpx.Response]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, for a sender that is gone will not

    async def aclose(self) -> None:
        """End what is under way, as a vendor does that shuts down."""
        left = list(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._transport.aclose()
