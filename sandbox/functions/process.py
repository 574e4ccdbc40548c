"""A Node.js process, spoken to in lines of JSON on its standard input and output.

* MeterboxError
  x Broken    Node.js did not start
* Gone        the process has ended, or cannot be listened to any more
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from os import environ
from pathlib import Path
from typing import Any

from contracts.model import MeterboxError

__all__ = ["Broken", "Gone", "Process"]

START = 30.0
"""Seconds in which Node.js must be there."""
LINE = 64 * 1024 * 1024
KEPT = ("SystemRoot",)  # Windows starts nothing without it


class Broken(MeterboxError):
    """Node.js did not start."""


class Gone(Exception):
    """The process has ended, or cannot be listened to any more."""


class Process:
    """What it says is sealed: other lines on its output are some package's, and passed over."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._seal = ""

    @classmethod
    async def start(cls, command: Sequence[str], folder: Path) -> Process:
        """A process that is ready to be told what to do. Raises Broken."""
        kept = {name: environ[name] for name in KEPT if name in environ}
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                limit=LINE,
                cwd=folder,
                start_new_session=True,
                env={"TZ": "UTC", **kept},
            )
        except OSError as fault:
            raise Broken(f"{command[0]} does not start: {fault.strerror or fault}") from fault
        started = cls(process)
        try:
            async with asyncio.timeout(START):
                await started.hear()
        except (TimeoutError, Gone) as fault:
            why = await started.ended(fault)
            raise Broken(f"{command[0]} does not start: {why}") from fault
        started._seal = secrets.token_hex()
        await started.say({"act": "seal", "seal": started._seal})
        return started

    async def say(self, act: Mapping[str, Any]) -> None:
        """Tell it to do something. Raises Gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(act).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError as fault:
            raise Gone from fault

    async def hear(self) -> Mapping[str, Any]:
        """The next thing it says. Raises Gone."""
        assert self._process.stdout is not None
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError as fault:
                raise Gone(f"it wrote more than {LINE >> 20} MiB at once") from fault
            if not line:
                raise Gone
            told = _object(line)
            if told is not None and told.get("seal", "") == self._seal:
                return told

    def kill(self) -> None:
        """End it and what it started, whatever they are doing: `node` may be a script that starts
        the real one, which would go on and hold the pipes open."""
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    async def stop(self) -> str:
        """End it and clear it away; answers what it said on the error channel."""
        self.kill()
        _, said = await self._process.communicate()
        return said.decode(errors="replace")

    async def ended(self, fault: BaseException) -> str:
        """Clear away a process that can be listened to no more, and say why."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._process.wait()
        code = self._process.returncode
        said = await self.stop()
        return str(fault) or _how(code, said)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _how(code: int | None, said: str) -> str:
    """How a process ended, from its exit code and what it said on the error channel."""
    if "heap out of memory" in said:
        return "it ran out of memory"
    if code is None:
        return "it closed its output"
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    complaint = next((line for line in said.splitlines() if "rror" in line), "")
    return f"it ended {how}{f': {complaint}' if complaint else ''}"
