"""Programs that tests run: `meterbox up`, which can be killed, and Node.js."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["NODE", "PROGRAM", "Up", "environment", "meterbox"]

PROGRAM = [sys.executable, "-c", "from sandbox.cli.main import main; main()"]
# The one that `make node` installed where the machine has none.
NODE = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def environment(*vendors: Path, **variables: str) -> dict[str, str]:
    """This process's environment, with these folders of vendors and without other settings."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith("METERBOX_")}
    if vendors:
        variables["METERBOX_SERVER__VENDORS"] = json.dumps([str(folder) for folder in vendors])
    return {**mine, **variables}


def meterbox(*arguments: str, env: dict[str, str], **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*PROGRAM, *arguments], env=env, capture_output=True, text=True, timeout=60, **more
    )


class Up:
    """A running `meterbox up` on a free port; killed at the end of the `with`."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        command = [*PROGRAM, "up", "--port", "0", "--json", *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env=env or environment())

    def __enter__(self) -> Up:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "meterbox up said nothing"
        self.told: dict[str, Any] = json.loads(line)
        self.url: str = self.told["url"]
        return self

    def kill(self) -> None:
        """As the power does: kill -9."""
        self._end(signal.SIGKILL)

    def interrupt(self) -> int:
        """As a person does, with Ctrl-C; answers the exit code."""
        return self._end(signal.SIGINT)

    def _end(self, how: int) -> int:
        self._process.send_signal(how)
        return self._process.wait(timeout=20)

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()
