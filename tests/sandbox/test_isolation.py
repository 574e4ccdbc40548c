"""One process, many keys: nobody ever sees another's events."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from pathlib import Path

import httpx

from sandbox.server import Running
from tests.acme import usage
from tests.running import environment

SMALL_TEST = """
import http.client, json, os, uuid
import pytest

HOST, PORT = os.environ["ACME"].split(":")

@pytest.fixture(scope="session")
def wire():
    connection = http.client.HTTPConnection(HOST, int(PORT), timeout=20)
    yield connection
    connection.close()

def ask(wire, method, path, key, body=None):
    wire.request(method, path, body and json.dumps(body), {"authorization": f"Bearer {key}"})
    answer = wire.getresponse()
    return answer.status, json.loads(answer.read())

@pytest.mark.parametrize("n", range(1_000))
def test_a_fresh_key_is_a_fresh_vendor(wire, n):
    key = f"ak_{uuid.uuid4().hex}"
    event = {"customer": "c1", "meter": "calls", "quantity": n, "at": "2026-01-15T12:00:00Z"}
    assert ask(wire, "GET", "/acme/usage/same", key)[0] == 404
    events = {"events": [{"id": "same", **event}]}
    assert ask(wire, "POST", "/acme/usage", key, events)[0] == 200
    assert ask(wire, "GET", "/acme/usage/same", key)[1]["quantity"] == n
    told = ask(wire, "GET", f"/_meterbox/accounts/acme/{key}/ledger", key)[1]
    assert [entry["outcome"] for entry in told["entries"]] == ["accepted"]
    assert told["totals"] == [{"customer": "c1", "meter": "calls", "quantity": n, "events": 1}]
"""


def test_two_keys_never_see_each_others_events(acme_server: Running, http: httpx.Client) -> None:
    keys = [f"ak_{uuid.uuid4().hex}" for _ in range(2)]
    at = acme_server.url
    for quantity, key in enumerate(keys, 1):
        headers = {"authorization": f"Bearer {key}"}
        assert http.get(f"{at}/acme/usage/e1", headers=headers).status_code == 404
        http.post(f"{at}/acme/usage", json={"events": [usage("e1", quantity)]}, headers=headers)
    for quantity, key in enumerate(keys, 1):
        ours = f"{at}/_meterbox/accounts/acme/{key}"
        [total] = http.get(f"{ours}/ledger").json()["totals"]
        assert total["quantity"] == quantity
        [told] = http.get(f"{ours}/exchanges", params={"method": "POST"}).json()["exchanges"]
        assert told["account"].startswith(key[:8])


def test_eight_workers_run_a_thousand_tests_against_one_process(
    acme_server: Running, tmp_path: Path
) -> None:
    """A thousand tests in a pytest of their own, under xdist with eight workers, each with a fresh
    key and the same event id, against this one server."""
    (tmp_path / "test_small.py").write_text(SMALL_TEST)
    options = ["-q", "-n", "8", "-p", "xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_small.py"],
        cwd=tmp_path,
        # No other plugins: eight workers would each import Hypothesis and schemathesis.
        env=environment(
            ACME=acme_server.url.removeprefix("http://"), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"
        ),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert re.search(r"^1000 passed", done.stdout, re.MULTILINE), done.stdout[-2_000:]
