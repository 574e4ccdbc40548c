"""A command that runs as our child: what is signalled to us reaches it, and its end is ours."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from contracts.model import MeterboxError

__all__ = ["INTERRUPTED", "NotRun", "in_order", "run"]

INTERRUPTED = 130
LOOK = 0.2
NOT_FOUND, NOT_EXECUTABLE, KILLED = 127, 126, 128
FORWARDED = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
BY_TERMINAL = (signal.SIGINT, getattr(signal, "SIGQUIT", signal.SIGINT))
"""Which a terminal sends to everybody before it, so that nobody need pass them on."""


class NotRun(MeterboxError):
    """A command cannot be run; `code` is the exit code that shells have for it."""

    def __init__(self, command: str, fault: OSError) -> None:
        found = not isinstance(fault, FileNotFoundError)
        self.code = NOT_EXECUTABLE if found else NOT_FOUND
        hint = "Is it executable?" if found else "Is it installed, and on the PATH?"
        super().__init__(f"Cannot run {command!r}: {fault.strerror or fault}. {hint}")


class Child:
    """A command as it runs: before a terminal among us, elsewhere in a group of its own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._alone = not _before_terminal()
        self._pending: list[int] = []
        self.interrupted = False

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run it to its end; answers its exit code as a shell tells it. Raises NotRun."""
        group = 0 if self._alone else None
        try:
            self._process = subprocess.Popen(command, env=environment, process_group=group)
        except OSError as fault:
            raise NotRun(command[0], fault) from fault
        while self._pending:
            self._send(self._pending.pop(0))
        code = self._ended()
        if self.interrupted:
            return INTERRUPTED
        return KILLED - code if code < 0 else code

    def _ended(self) -> int:
        """Look again and again: a signal may be given to another thread, and the handler runs in
        this one between two steps only."""
        assert self._process is not None
        while True:
            with suppress(subprocess.TimeoutExpired):
                return self._process.wait(LOOK)

    def signalled(self, number: int, _: FrameType | None) -> None:
        """Pass a signal on, or keep it until there is somebody to pass it to."""
        self.interrupted |= number == signal.SIGINT
        if self._process is None:
            self._pending.append(number)
        elif self._alone or number not in BY_TERMINAL:
            self._send(number)

    def _send(self, number: int) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            if self._alone:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command, with our own input and output; answers its exit code, 128+N when it was
    killed by signal N, and 130 when we were interrupted. Raises NotRun."""
    child = Child()
    with _signals(child):
        return child.run(command, environment)


@contextmanager
def in_order() -> Iterator[None]:
    """What is set up here is taken down before a signal ends us."""
    before = {number: signal.getsignal(number) for number in ENDING}
    ours = [number for number, was in before.items() if was is signal.SIG_DFL]

    def leave(number: int, _: FrameType | None) -> None:
        for each in ours:
            signal.signal(each, signal.SIG_IGN)  # once is enough
        raise SystemExit(KILLED + number)

    for number in ours:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) is leave:
                signal.signal(number, signal.SIG_DFL)


@contextmanager
def _signals(child: Child) -> Iterator[None]:
    # Those that we were told not to heed, as by nohup, the command is told so too.
    heeded = [number for number in FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]
    before: dict[int, Any] = {number: signal.signal(number, child.signalled) for number in heeded}
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


def _before_terminal() -> bool:
    """Whether a terminal's keys reach us, and whoever is in our group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
