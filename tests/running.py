"""Programs that tests run: `meterbox up`, which can be killed, nginx, and Node.js."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.forked import Forked, run

__all__ = ["NGINX", "NODE", "PROGRAM", "Nginx", "Up", "environment", "meterbox"]

PROGRAM = [sys.executable, "-c", "from sandbox.cli.main import main; main()"]
# The one that `make node` installed where the machine has none.
NODE = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

# Debian's is not on everybody's path.
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


def environment(*vendors: Path, **variables: str) -> dict[str, str]:
    """This process's environment, with these folders of vendors and without other settings."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith("METERBOX_")}
    if vendors:
        variables["METERBOX_SERVER__VENDORS"] = json.dumps([str(folder) for folder in vendors])
    return {**mine, **variables}


def meterbox(*arguments: str, env: dict[str, str], **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return run(*arguments, env=env, **more)


class Up:
    """A running `meterbox up` on a free port; killed at the end of the `with`."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        command = ("up", "--port", "0", "--json", *arguments)
        self._process = Forked(*command, stdout=subprocess.PIPE, env=env or environment())

    def __enter__(self) -> Up:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "meterbox up said nothing"
        self.told: dict[str, Any] = json.loads(line)
        self.url: str = self.told["url"]
        return self

    @property
    def pid(self) -> int:
        return self._process.pid

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


class Nginx:
    """nginx in a folder of its own, configured by `meterbox nginx`; stopped at the `with`'s end."""

    def __init__(self, folder: Path, *upstreams: str, env: dict[str, str] | None = None) -> None:
        self._folder = folder
        addresses = [url.removeprefix("http://") for url in upstreams]
        self._upstreams = [word for at in addresses for word in ("--upstream", at)]
        self._env = env or environment()

    def __enter__(self) -> Nginx:
        port = _free()
        made = meterbox("nginx", "--port", str(port), *self._upstreams, env=self._env)
        assert made.returncode == 0, made.stderr
        (self._folder / "nginx.conf").write_text(made.stdout)
        # As root it would take another user for its work, whom the folder is closed to.
        globally = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
        command = [str(NGINX), "-p", str(self._folder), "-c", "nginx.conf", "-e", "stderr"]
        with (self._folder / "stderr").open("w") as stderr:
            self._process = subprocess.Popen([*command, "-g", globally], stderr=stderr)
        self.url = f"http://127.0.0.1:{port}"
        self._wait(port)
        return self

    def _wait(self, port: int) -> None:
        for _ in range(200):
            assert self._process.poll() is None, (self._folder / "stderr").read_text()
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("nginx does not listen")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)


def _free() -> int:
    """A port that nobody listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])
