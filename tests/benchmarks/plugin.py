"""What the pytest plugin costs a test: `python -m tests.benchmarks.plugin [TESTS]`.

The same tests with nothing, with an account that is not used, and with one to which a request is
sent and whose bill is asserted; what the request itself takes is told beside it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.running import environment

TESTS = 1_000
BODIES = {
    "without a vendor": ("", "pass"),
    "an account": ("orb", "pass"),
    "an account of each of five": ("orb, amberflo, kana, hyperline, segment", "pass"),
    "a request to no fixture's": ("wire", "ask(wire, f'k{n}')"),
    "a request": ("orb, wire", "ask(wire, orb.api_key)"),
    "a request and a bill": ("orb, wire", "ask(wire, orb.api_key); orb.ledger"),
}
PROGRAM = """
import http.client
import pytest

@pytest.fixture(scope="session")
def wire(meterbox):
    connection = http.client.HTTPConnection(meterbox.url.removeprefix("http://"))
    yield connection
    connection.close()

def ask(wire, key):
    wire.request("GET", "/orb/v1/ping", headers={{"authorization": f"Bearer {{key}}"}})
    wire.getresponse().read()

def test_the_server_is_up(meterbox):
    pass

@pytest.mark.parametrize("n", range({tests}))
def test_one({fixtures}, n):
    {body}
"""


def main(tests: int) -> None:
    before = (0.0, 0.0)
    print(f"{'milliseconds a test, of':<28}{'time':>16}{'processor':>16}")
    for name, (fixtures, body) in BODIES.items():
        took = _took(PROGRAM.format(tests=tests, fixtures=fixtures or "request", body=body))
        more = [(t - b) / tests * 1_000 for t, b in zip(took, before, strict=True)]
        before = before if any(before) else took
        told = name if before is took else f"{name}: more"
        print(f"{told:<28}{more[0]:16.2f}{more[1]:16.2f}")


def _took(program: str) -> tuple[float, float]:
    """Seconds that the tests took, of the clock's and the processor's: the server's are among them.

    The first test, which starts the server, is left out."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_many.py").write_text(program)
        (Path(folder) / "conftest.py").write_text(CONFTEST)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *PLUGINS],
            cwd=folder,
            env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
            capture_output=True,
            text=True,
            check=False,
        )
    found = re.search(r"^took ([0-9.]+) ([0-9.]+)", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert done.returncode == 0, done.stdout[-2_000:]
    return float(found[1]), float(found[2])


PLUGINS = ("-p", "sandbox.pytest_plugin")
CONFTEST = """
from time import perf_counter, process_time

import pytest

began = []

@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    done = yield
    began.append((perf_counter(), process_time()))
    return done

def pytest_terminal_summary(terminalreporter):
    (wall, used), (last, spent) = began[0], began[-1]
    terminalreporter.write_line(f"\\ntook {last - wall:.4f} {spent - used:.4f}")
"""

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TESTS)
