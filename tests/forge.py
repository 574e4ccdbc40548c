"""A process that has imported meterbox, and forks itself into whatever command it is asked for.

To import the program takes longer than most of its commands do. What is forked has a number, a
folder, an environment and an end of its own, as any process has; `python tests/forge.py FD` listens
on that socket until its standard input ends.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
from importlib import import_module
from typing import Any, NamedTuple

__all__ = ["LINE"]

FILES = 3
"""A process's input, output and errors."""
LINE = 24
"""Bytes that a number takes at most."""
PIECE = 64 * 1024


class Asked(NamedTuple):
    words: list[str]
    environment: dict[str, str]
    folder: str
    files: list[int]


class Forge:
    """Forks for whoever connects; tells each the number of its process, and then its end."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._near, self._far = socket.socketpair()
        self._far.setblocking(False)
        self._running: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        for heard in (0, listening, self._near):
            self._selector.register(heard, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._far.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a terminal sends to all before it

    def serve(self) -> Asked | None:
        """Until the input ends; in a process that was forked, what it was asked for."""
        while True:
            heard = [key.fileobj for key, _ in self._selector.select()]
            if self._near in heard:
                self._near.recv(PIECE)
                self._reap()
            if self._listening in heard:
                asked = self._forked(self._listening.accept()[0])
                if asked is not None:
                    return asked
            if 0 in heard:
                return None

    def _forked(self, caller: socket.socket) -> Asked | None:
        try:
            asked = _read(caller)
        except (OSError, ValueError):  # who has gone before saying it
            caller.close()
            return None
        pid = os.fork()
        if pid == 0:
            caller.close()
            self._leave()
            return asked
        for file in asked.files:
            os.close(file)
        self._running[pid] = caller
        _tell(caller, pid)
        return None

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            caller = self._running.pop(pid)
            _tell(caller, os.waitstatus_to_exitcode(status))
            caller.close()

    def _leave(self) -> None:
        """Be no part of the one that was forked."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for each in (self._selector, self._listening, self._near, self._far):
            each.close()
        for caller in self._running.values():
            caller.close()


def _read(caller: socket.socket) -> Asked:
    said, files, _, _ = socket.recv_fds(caller, PIECE, FILES)
    while not said.endswith(b"\n"):
        more = caller.recv(PIECE)
        if not more:
            raise ValueError("the caller has gone")
        said += more
    words, environment, folder = json.loads(said)
    return Asked(words, environment, folder, list(files))


def _tell(caller: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):
        caller.sendall(b"%d\n" % number)


def _warm() -> None:
    """Import what commands import, and read what they read."""
    from sandbox.app import create_app
    from sandbox.cli.main import COMMANDS

    for name in COMMANDS:
        import_module(f"sandbox.cli.{name.replace('-', '')}")
    create_app()
    gc.collect()
    gc.freeze()


def _become(asked: Asked) -> Any:
    """What was asked for, as if it had been started so."""
    from sandbox.cli.main import main

    for number, file in enumerate(asked.files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(asked.folder)
    os.environ.clear()
    os.environ.update(asked.environment)
    sys.argv = ["meterbox", *asked.words]
    main()


if __name__ == "__main__":
    del sys.path[0]
    _warm()
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        found = Forge(listening).serve()
    if found is not None:
        _become(found)
