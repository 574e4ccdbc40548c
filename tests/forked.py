"""Commands of meterbox as processes that need not import it: see `forge.py`."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.forge import LINE

__all__ = ["PIPE", "Forked", "forge", "install", "run"]

PIPE = subprocess.PIPE


@cache
def forge() -> str:
    """Where a process listens that forks itself into commands, as long as this one lives."""
    folder = tempfile.mkdtemp(prefix="meterbox-forge-")
    path = os.path.join(folder, "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        number = listening.fileno()
        command = [sys.executable, str(Path(__file__).with_name("forge.py")), str(number)]
        process = subprocess.Popen(command, stdin=PIPE, pass_fds=[number])
    atexit.register(_end, process, folder)
    return path


def _end(process: subprocess.Popen[bytes], folder: str) -> None:
    process.communicate()
    shutil.rmtree(folder, ignore_errors=True)


class Forked:
    """`meterbox` with these words, as `subprocess.Popen` has it: PIPE makes `stdin` and `stdout`.

    What is not given is this process's.
    """

    def __init__(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        text: bool = False,
    ) -> None:
        self.stdin: IO[Any] | None = None
        self.stdout: IO[Any] | None = None
        self.returncode: int | None = None
        far = []
        if stdin is PIPE:
            stdin, near = os.pipe()
            self.stdin = os.fdopen(near, "w" if text else "wb")
            far.append(stdin)
        if stdout is PIPE:
            near, stdout = os.pipe()
            self.stdout = os.fdopen(near, "r" if text else "rb")
            far.append(stdout)
        self._ask(words, os.environ if env is None else env, cwd, (stdin, stdout, stderr))
        for file in far:
            os.close(file)

    def _ask(
        self, words: tuple[str, ...], env: Mapping[str, str], cwd: Any, given: tuple[Any, ...]
    ) -> None:
        files = [number if file is None else file for number, file in enumerate(given)]
        numbers = [file if isinstance(file, int) else file.fileno() for file in files]
        asked = json.dumps([words, dict(env), os.fspath(cwd or os.getcwd())])
        self._forge = socket.socket(socket.AF_UNIX)
        self._forge.connect(forge())
        said = asked.encode() + b"\n"
        self._forge.sendall(said[socket.send_fds(self._forge, [said], numbers) :])
        with self._forge.makefile("rb", 0) as told:  # unbuffered: the end may follow at once
            self.pid = int(told.readline())

    def poll(self) -> int | None:
        """The exit code, as `subprocess` has it; None as long as there is none."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Raises TimeoutExpired."""
        if self.returncode is None:
            self._forge.settimeout(timeout)
            try:
                self.returncode = int(self._forge.recv(LINE))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(["meterbox"], timeout or 0) from None
            self._forge.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        """Closes what is open, and waits."""
        for file in (self.stdin, self.stdout):
            if file is not None:
                file.close()
        self.wait()


def run(
    *words: str,
    env: Mapping[str, str] | None = None,
    cwd: Any = None,
    input: str | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """A command to its end, with what it printed."""
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        stdin.write((input or "").encode())
        stdin.seek(0)
        with Forked(*words, env=env, cwd=cwd, stdin=stdin, stdout=out, stderr=err) as process:
            try:
                code = process.wait(timeout)
            finally:
                process.kill()
        return subprocess.CompletedProcess(["meterbox", *words], code, _whole(out), _whole(err))


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


SCRIPT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as forge:
    forge.connect({forge!r})
    asked = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode() + b"\\n"
    forge.sendall(asked[socket.send_fds(forge, [asked], [0, 1, 2]):])
    with forge.makefile() as told:
        _, code = map(int, told)
sys.exit(code if code >= 0 else 128 - code)
"""


def install(folder: Path) -> None:
    """Put a `meterbox` into a folder, for shells that look there."""
    file = folder / "meterbox"
    file.write_text(SCRIPT.format(python=sys.executable, forge=forge()))
    file.chmod(0o755)
