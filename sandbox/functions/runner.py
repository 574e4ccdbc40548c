"""Runs a function in a Node.js of its own, which is ended when a handler takes too long, ends its
process or sends without end; the next event finds a new one, as at Segment.

* Unloadable     the function's code does not load
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from contracts.model import MeterboxError
from sandbox.functions.call import Call, Thrown
from sandbox.functions.gate import Asked, Made
from sandbox.functions.node import Node
from sandbox.functions.process import Gone, Process
from sandbox.functions.source import Lacking, Source, packages

__all__ = ["TIMEOUT", "Runner", "Unloadable"]

TIMEOUT = 5.0
"""Seconds a handler may take (rule segment.function.timeout)."""
MOST = 1_000
"""Requests of one call; beyond it the function is taken for one that never ends."""
HERE = Path(__file__).resolve().parent

Carry = Callable[[Asked], Awaitable[tuple[Made, Mapping[str, Any]]]]


class Unloadable(Exception):
    """The function's code does not load; `thrown` says why."""

    def __init__(self, thrown: Thrown) -> None:
        super().__init__(str(thrown))
        self.thrown = thrown


class Runner:
    """`carry` has a request carried out; `timeout` is in seconds for a call, `loading` for loading.

    `late` is what was done after its handler had settled: requests, which are not carried, and
    errors.
    """

    def __init__(
        self,
        node: Node,
        source: Source,
        carry: Carry,
        *,
        timeout: float = TIMEOUT,
        loading: float = TIMEOUT,
    ) -> None:
        self._node, self._source, self._carry = node, source, carry
        self._timeout, self._loading = timeout, loading
        self._process: Process | None = None
        self._call = Call()
        self._number = 0
        self._fresh = True
        self._carrying: set[asyncio.Task[None]] = set()
        self.late: list[str] = []

    async def load(self) -> list[str]:
        """Start Node.js with the function; answers its handlers.

        Raises Unloadable, Broken, or Lacking.
        """
        command = self._node.command(HERE / "runner.js", self._source.readable())
        self._process = await Process.start(command, HERE)
        self._call, self._fresh = Call(), True
        act = {
            "act": "load",
            "prelude": (HERE / "globals.js").read_text(encoding="utf-8"),
            "packages": packages(),
            "found": {name: str(folder) for name, folder in self._source.installed().items()},
            "name": self._source.name,
            "source": self._source.text,
        }
        try:
            told = await self._done(act, "loaded", "unloadable", within=self._loading)
        except TimeoutError as fault:
            why = f"its code runs for more than {self._loading:g} s when it is loaded"
            raise Unloadable(Thrown("Timeout", why)) from fault
        except Gone as fault:
            raise Unloadable(Thrown("Crash", await self._ended(fault))) from fault
        if told["told"] == "loaded":
            handlers: list[str] = told["handlers"]
            return handlers
        for name in self._call.lacking:
            raise Lacking(self._source, name)
        raise Unloadable(Thrown.read(told))

    async def call(self, handler: str, given: Any, settings: Mapping[str, Any]) -> Call:
        """Call a handler and wait for what it has begun.

        Raises Lacking where it failed for want of a package; Unloadable or Broken.
        """
        if self._process is None:
            await self.load()
        # What the code did when it was loaded counts for the first call.
        self._call = call = self._call if self._fresh else Call()
        self._fresh = False
        self._number += 1
        act = {"act": "invoke", "id": self._number, "handler": handler}
        texts = {"input": json.dumps(given), "settings": json.dumps(settings)}
        try:
            told = await self._done({**act, **texts}, "settled", within=self._timeout)
            call.settle(told)
        except TimeoutError:
            call.timed_out = True
            await self.stop()
        except Gone as fault:
            call.crashed = await self._ended(fault)
        await self._carried()
        if call.threw is not None and call.lacking:
            raise Lacking(self._source, call.lacking[0])
        return call

    async def stop(self) -> None:
        """End the process, whatever it is doing; what it has sent is carried out."""
        process, self._process = self._process, None
        if process is not None:
            await process.stop()
        await self._carried()

    async def _ended(self, fault: Gone) -> str:
        process, self._process = self._process, None
        assert process is not None
        return await process.ended(fault)

    async def _done(self, act: Mapping[str, Any], *ends: str, within: float) -> Mapping[str, Any]:
        """Have the process do something, in so many seconds. Raises TimeoutError or Gone."""
        assert self._process is not None
        async with asyncio.timeout(within):
            await self._process.say(act)
            while (told := await self._process.hear())["told"] not in ends:
                self._note(told)
        return told

    def _note(self, told: Mapping[str, Any]) -> None:
        """Something that happened on the way; in a call of 0, when the code was loaded."""
        if told["of"] not in (0, self._number):
            self._note_late(told)
        elif told["told"] != "fetch":
            self._call.note(told)
        elif len(self._call.made) + len(self._carrying) >= MOST:
            raise Gone(f"it sent more than {MOST:,} requests")
        else:
            task = asyncio.create_task(self._carried_out(self._call, told))
            self._carrying.add(task)

    def _note_late(self, told: Mapping[str, Any]) -> None:
        if told["told"] == "fetch" and len(self.late) < MOST:
            self.late.append(f"{told['method']} {told['url']}")
        elif told["told"] == "rejection" and len(self.late) < MOST:
            self.late.append(str(Thrown.read(told)))

    async def _carried_out(self, call: Call, told: Mapping[str, Any]) -> None:
        headers = tuple((name, value) for name, value in told["headers"])
        asked = Asked(told["method"], told["url"], headers, base64.b64decode(told["body"]))
        try:
            made, answer = await self._carry(asked)
        except MeterboxError:
            if self._process is not None:
                self._process.kill()  # nobody need wait for an answer any more
            raise
        call.made[told["id"]] = made
        with suppress(Gone):
            if self._process is not None:
                await self._process.say({"act": "answer", "id": told["id"], **answer})

    async def _carried(self) -> None:
        """Wait for the requests that are under way, whoever still waits for them."""
        carrying, self._carrying = self._carrying, set()
        await asyncio.gather(*carrying)
