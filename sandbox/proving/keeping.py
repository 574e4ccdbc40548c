"""Keeps a forwarder alive: each that dies is followed by another on the same outbox."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from signal import SIGKILL
from threading import Lock

from contracts.model import MeterboxError
from sandbox.proving.child import STOP, WAITING, Order

__all__ = ["Ended", "Forward", "Keeper", "Unstarted"]

Forward = Callable[[Order, Connection], None]
WARM = "sandbox.proving.warm"
PATIENCE = 60.0
"""Seconds in which a forwarder starts, or ends when it is told to."""


class Ended(MeterboxError):
    """The forwarder ended, and nobody had told it to or killed it."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"The forwarder ended by itself, with exit code {code}.")


class Unstarted(MeterboxError):
    """The forwarder did not say where it is, and is not waited for any longer."""

    def __init__(self) -> None:
        super().__init__(
            f"The forwarder has not started within {PATIENCE:g} s: the machine is too busy for it. "
            "Prove it again when there is less to do."
        )


class Keeper:
    """`kills` counts the forwarders that were killed; `forward` is what each of them does."""

    def __init__(self, order: Order, forward: Forward) -> None:
        self._order, self._forward = order, forward
        self._context: ForkServerContext = get_context("forkserver")
        self._context.set_forkserver_preload([WARM])
        self._process: ForkServerProcess | None = None
        self._line: Connection | None = None
        self._up = asyncio.Event()
        self._lock, self._killable = Lock(), False
        self._keeping: asyncio.Task[None] | None = None
        self._port = self.kills = 0

    async def __aenter__(self) -> Keeper:
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.join)
            self._process.close()
            self._process = None

    async def port(self) -> int:
        """Where the intake of the one that lives is. Raises Ended."""
        await self._until_up()
        return self._port

    async def waiting(self) -> int | None:
        """How many deliveries wait; None when the one that was asked died over it. Raises Ended."""
        await self._until_up()
        line, process = self._line, self._process
        assert line is not None  # it is up
        try:
            line.send(WAITING)
            while not await self._readable(line):
                if self._process is not process:
                    return None
            told: int = line.recv()
        except (OSError, EOFError):
            return None
        return told

    def kill(self) -> bool:
        """kill -9, from any thread; whether there was one to be killed."""
        with self._lock:
            if not self._killable:
                return False
            self._killable = False
            assert self._process is not None
            self._process.kill()
            return True

    async def stop(self) -> None:
        """Have the one that lives finish what is under way, and end."""
        await self._until_up()
        assert self._keeping is not None
        assert self._line is not None
        assert self._process is not None
        self._keeping.cancel()
        with self._lock:
            self._killable = False
        self._line.send(STOP)
        await asyncio.to_thread(self._process.join, PATIENCE)

    async def _keep(self) -> None:
        while True:
            await self._start()
            assert self._process is not None
            await self._gone(self._process.sentinel)
            self._up.clear()
            with self._lock:
                self._killable = False
            self._process.join()
            code = self._process.exitcode
            if code != -SIGKILL:
                raise Ended(code)
            self.kills += 1

    async def _start(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=self._forward, args=(self._order, theirs), daemon=True
        )
        self._process.start()
        theirs.close()
        if not await self._readable(self._line, PATIENCE):
            raise Unstarted
        try:
            self._port = self._line.recv()
        except EOFError:
            return  # it ended: its keeper will see
        self._up.set()
        with self._lock:
            self._killable = True

    async def _until_up(self) -> None:
        assert self._keeping is not None
        up = asyncio.create_task(self._up.wait())
        await asyncio.wait([up, self._keeping], return_when=asyncio.FIRST_COMPLETED)
        if not up.done():
            up.cancel()
            await self._keeping  # raises why it ended

    async def _readable(self, line: Connection, seconds: float = 0.5) -> bool:
        """Whether something can be read, or the line is at its end, within so many seconds."""
        return await self._within(line.fileno(), seconds)

    async def _gone(self, sentinel: int) -> None:
        while not await self._within(sentinel, PATIENCE):
            pass

    async def _within(self, descriptor: int, seconds: float) -> bool:
        # Under a number of its own: a line may be closed meanwhile, and its number go to another.
        loop, ready, own = asyncio.get_running_loop(), asyncio.Event(), os.dup(descriptor)
        loop.add_reader(own, ready.set)
        try:
            await asyncio.wait_for(ready.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(own)
            os.close(own)
        return True
