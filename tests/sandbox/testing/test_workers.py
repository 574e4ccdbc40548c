"""A thousand tests on eight workers of xdist, by one server and by one each: no cross-talk.

What is printed is the time in the middle that tests take beside their bodies, on a busy machine.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import environment

# Every test uses the same event, customer and meter, and each bills another quantity.
TESTS = """
import http.client
import json
from datetime import UTC, datetime
from time import perf_counter, process_time
import pytest

SPENT = pytest.StashKey()

@pytest.fixture(scope="session")
def wire(meterbox):
    connection = http.client.HTTPConnection(meterbox.url.removeprefix("http://"), timeout=20)
    yield connection
    connection.close()

@pytest.mark.parametrize("n", range(1_000))
def test_a_test_has_its_vendor_for_itself(acme, wire, request, n):
    began = perf_counter(), process_time()
    event = {"id": "same", "customer": "c1", "meter": "calls", "at": datetime.now(UTC).isoformat()}
    body = json.dumps({"events": [{**event, "quantity": n + 1}]})
    headers = {"authorization": f"Bearer {acme.api_key}"}
    wire.request("POST", "/acme/usage", body, headers)
    answer = wire.getresponse()
    assert (answer.status, json.loads(answer.read())["recorded"]) == (200, 1)
    acme.assert_billed("c1", "calls", n + 1)
    assert len(acme.exchanges) == 1
    request.node.stash[SPENT] = perf_counter() - began[0], process_time() - began[1]

@pytest.mark.parametrize("n", range(50))
def test_nothing(n):
    pass
"""
CONFTEST = """
from time import perf_counter, process_time
import pytest

def pytest_configure(config):
    config.overhead, config.nothing, config.urls = [], [], set()

@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    began = perf_counter(), process_time()
    done = yield
    passed, used = item.stash.get(item.module.SPENT, (0.0, 0.0))
    more = perf_counter() - began[0] - passed, process_time() - began[1] - used
    ours = "acme" in item.fixturenames
    (item.config.overhead if ours else item.config.nothing).append(more)
    return done

@pytest.fixture(scope="session", autouse=True)
def noted(meterbox, request):
    request.config.urls.add(meterbox.url)

def pytest_sessionfinish(session):
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["overhead"], told["nothing"] = session.config.overhead, session.config.nothing
        told["urls"] = list(session.config.urls)

def pytest_testnodedown(node):
    node.config.overhead += node.workeroutput["overhead"]
    node.config.nothing += node.workeroutput["nothing"]
    node.config.urls.update(node.workeroutput["urls"])

def pytest_terminal_summary(terminalreporter, config):
    told = f"{len(config.urls)} servers"
    for name, spent in (("a test", config.overhead), ("an empty one", config.nothing)):
        passed, used = [sorted(one)[len(one) // 2] * 1_000 for one in zip(*spent)]
        told += f"; {name}: {passed:.2f} ms beside its body, {used:.2f} ms of its processor"
    terminalreporter.write_line("")
    terminalreporter.write_line(told)
"""


@pytest.mark.parametrize(("server", "servers"), [("own", 8), ("shared", 1)])
def test_a_thousand_tests_on_eight_workers_see_nothing_of_each_other(
    server: str,
    servers: int,
    acme_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "test_many.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\nmeterbox_vendors = {acme_root}\nfilterwarnings = error\n"
    )
    options = ["-q", "-n", "8", "-p", "xdist", "-p", "sandbox.pytest_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--meterbox-server={server}"],
        cwd=tmp_path,
        # No other plugins: eight workers would each import Hypothesis and schemathesis.
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert re.search(r"^1050 passed", done.stdout, re.MULTILINE), done.stdout[-2_000:]
    told = re.search(r"^(\d+) servers; .*$", done.stdout, re.MULTILINE)
    assert told is not None, done.stdout[-2_000:]
    assert int(told[1]) == servers
    with capsys.disabled():
        sys.stdout.write(f"\n1,000 tests, -n 8, --meterbox-server={server}: {told[0]}\n")
