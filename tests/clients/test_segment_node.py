"""Segment's own Node client, unmodified but for its host and path; needs Node.js."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.server import Running
from tests.running import NODE

HERE = Path(__file__).parent / "node"
pytestmark = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules" / "@segment").is_dir(),
    reason="needs Node.js 20 or later, and: make node",
)
PATH = "/segment/v1/batch"
CALLS = {"identify", "group", "api_call", "page", "screen", "alias"}


def told(*arguments: str) -> Any:
    """What the client, in a process of its own, says of six calls that it makes."""
    assert NODE is not None
    command = [NODE, "segment.mjs", *arguments]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def billed(http: httpx.Client, account: str) -> dict[str, int]:
    totals = http.get(f"{account}/ledger").raise_for_status().json()["totals"]
    assert {total["customer"] for total in totals} == {"u1"}
    return {total["meter"]: total["quantity"] for total in totals}


@pytest.mark.parametrize("base", ["", "/segment"])
def test_every_call_arrives_whatever_path_its_host_has(
    server: Running, http: httpx.Client, key: str, base: str
) -> None:
    """As that of SEGMENT_HOST has one, which the client leaves out."""
    answer = told(key, server.url + base, PATH)
    assert (answer["errors"], len(answer["delivered"])) == ([], 6)
    account = f"{server.url}/_meterbox/accounts/segment/{key}"
    assert billed(http, account) == dict.fromkeys(CALLS, 1)
    [exchange] = http.get(f"{account}/exchanges").json()["exchanges"]
    assert (exchange["status"], exchange["verdict"]) == (200, "accepted")


def test_a_host_alone_is_not_enough(server: Running, key: str) -> None:
    """Why the README names a path."""
    answer = told(key, f"{server.url}/segment")
    assert (set(answer["errors"]), answer["delivered"]) == (
        {"delivery_failure: [404] Not Found"},
        [],
    )


def test_what_it_sends_again_counts_once(server: Running, http: httpx.Client, key: str) -> None:
    account = f"{server.url}/_meterbox/accounts/segment/{key}"
    http.post(f"{account}/faults", json={"kind": "lost-reply"}).raise_for_status()
    answer = told(key, server.url, PATH)
    assert (answer["errors"], len(answer["delivered"])) == ([], 6)
    exchanges = http.get(f"{account}/exchanges").json()["exchanges"]
    assert [exchange["outcomes"] for exchange in exchanges] == [{"accepted": 6}, {"duplicate": 6}]
    assert billed(http, account) == dict.fromkeys(CALLS, 1)


def test_a_key_that_is_too_short_is_refused(server: Running) -> None:
    assert set(told("short", server.url, PATH)["errors"]) == {"delivery_failure: [400] Bad Request"}
