"""`meterbox up`, as a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

METERBOX = [sys.executable, "-c", "from sandbox.cli.main import main; main()"]


@contextmanager
def up(*options: str) -> Iterator[str]:
    """A running meterbox's URL."""
    command = [*METERBOX, "up", "--port", "0", "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("options", "status"),
    [((), 404), (("--profile", "contract"), 200)],
    ids=["faithful", "contract"],
)
def test_a_process_has_a_profile(options: tuple[str, ...], status: int, http: httpx.Client) -> None:
    with up(*options) as url:
        asked = http.get(f"{url}/orb/v1/customers/nobody", headers={"authorization": "Bearer k"})
    assert asked.status_code == status


def test_an_unknown_profile_is_wrong_use() -> None:
    done = subprocess.run([*METERBOX, "up", "--profile", "lax"], capture_output=True, text=True)
    assert (done.returncode, "'lax' is not one of 'faithful', 'contract'" in done.stderr) == (
        2,
        True,
    )
