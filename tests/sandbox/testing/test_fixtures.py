"""The plugin's fixtures, and what a test can ask of an account."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contracts.reader import read, vendors
from tests.running import environment
from tests.sandbox.testing.conftest import Run

HEAVY = ("starlette", "uvicorn", "httpx", "jsonschema", "jsonschema_rs", "graphql", "orjson")


def test_importing_the_plugin_imports_nothing_heavy() -> None:
    program = "import sys, sandbox.pytest_plugin; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "sandbox.pytest_plugin" in done.stdout.split()
    assert set(HEAVY) & set(done.stdout.split()) == set()


def test_three_lines_make_a_test(run: Run) -> None:
    run(
        """
def test_it(orb):
    client = client_of(orb)
    client.customers.create(name="A", email="a@b.test", external_customer_id="acme")
    send(client, event("1"), event("2"), event("3"))
    orb.assert_billed("acme", "api_calls", 3)
"""
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize("vendor", vendors())
def test_every_vendor_has_a_fixture_with_an_account_of_its_own(run: Run, vendor: str) -> None:
    program = """
from urllib.request import Request, urlopen
from contracts.credentials import headers
from contracts.reader import read
import re

keys = []

@pytest.mark.parametrize("n", range(2))
def test_it(VENDOR, n):
    assert VENDOR.vendor == "VENDOR"
    assert VENDOR.base_url.startswith("http://127.0.0.1:")
    assert re.fullmatch(read("VENDOR").auth.pattern, VENDOR.api_key)
    assert VENDOR.api_key not in keys
    keys.append(VENDOR.api_key)
    assert len(VENDOR.exchanges) == 0
    assert VENDOR.events == [] and VENDOR.ledger == {}
    assert VENDOR.rules == read("VENDOR").rules
"""
    run(program.replace("VENDOR", vendor)).assert_outcomes(passed=2)


def test_what_an_account_tells(run: Run) -> None:
    run(
        """
def test_it(orb, client):
    send(client, event("1"), event("1b", external_customer_id="nobody"))
    customer, [sent] = orb.exchanges[0], [e for e in orb.exchanges if e.endpoint == "ingest"]
    assert (customer.method, customer.path, customer.status) == ("POST", "/v1/customers", 201)
    assert (sent.verdict, sent.rules, sent.outcomes) == (
        "not billed", [], {"accepted": 1, "unmatched": 1})
    assert '"idempotency_key":"1b"' in sent.request["body"]
    assert sent.response["status"] == 200
    assert [(e.event, e.outcome, e.rule) for e in orb.events[-2:]] == [
        ("1", "accepted", None), ("1b", "unmatched", "orb.ingest.unknown-external-customer")]
    assert orb.ledger == {("acme", "api_calls"): 1}
"""
    ).assert_outcomes(passed=1)


def test_what_a_test_sets(run: Run) -> None:
    run(
        """
def test_it(orb, client):
    orb.clock.freeze("2026-01-15T12:00:00Z")
    assert orb.clock.now == datetime(2026, 1, 15, 12, tzinfo=UTC)
    orb.clock.advance(timedelta(hours=1))
    orb.clock.set(datetime(2026, 2, 1, tzinfo=UTC))
    assert orb.clock.now.month == 2
    orb.clock.set(datetime.now(UTC))
    orb.clock.run()
    grace = "orb.ingest.grace-period"
    assert orb.settings[grace] == "12h" and grace in orb.settings
    orb.settings[grace] = timedelta(days=1)
    send(client, event("1", "20h"))
    del orb.settings[grace]
    assert orb.settings[grace] == "12h"
    orb.faults.add("status", status=429, times=2)
    orb.faults.add({"kind": "delay", "seconds": 0})
    assert [f["kind"] for f in orb.faults] == ["status", "delay"] and len(orb.faults) == 2
    orb.faults.clear()
    orb.faults.add("flaky", seed=7)
    assert len(orb.faults) > 0
    orb.faults.clear()
    assert orb.profile == "faithful"
    orb.dashboard("send-test-webhook")
    orb.assert_billed("acme", "api_calls", 1)
"""
    ).assert_outcomes(passed=1)


def test_what_cannot_be_set_is_told(run: Run) -> None:
    run(
        """
from contracts.model import MeterboxError

def test_it(orb):
    for wrong, told in (
        (lambda: orb.settings.update({"orb.ingest.grace-perio": "1h"}), "grace-period"),
        (lambda: orb.clock.freeze(datetime(2026, 1, 15)), "a time with a zone"),
        (lambda: orb.faults.add("lost-replay"), "lost-reply"),
        (lambda: orb.assert_billed("acme", "api_calls", "many"), "a number"),
        (lambda: orb.assert_violation("orb.ingest.structur"), "did you mean"),
        (lambda: orb.exchanges.wait_for(verdict="refusd"), "refused"),
    ):
        with pytest.raises(MeterboxError, match=told):
            wrong()
"""
    ).assert_outcomes(passed=1)


def test_waits_end_with_what_is_waited_for(run: Run) -> None:
    """For a bill and for an exchange; the test does not poll."""
    run(
        """
from threading import Timer

def test_it(orb, client):
    late = Timer(0.2, send, (client, event("1")))
    late.start()
    orb.wait_for("acme", "api_calls", 1)
    assert orb.exchanges.wait_for(endpoint="ingest").status == 200
    late.join()
"""
    ).assert_outcomes(passed=1)


def test_tasks_go_on_while_one_waits(run: Run) -> None:
    run(
        """
import anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_it(orb, client):
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(orb.awaiting, "acme", "api_calls", 2)
        tasks.start_soon(lambda: orb.exchanges.awaiting(endpoint="ingest", status=200))
        await anyio.sleep(0.1)
        send(client, event("1"))
        send(client, event("2"))
"""
    ).assert_outcomes(passed=1)


def test_waits_in_vain_tell_what_there_is(run: Run) -> None:
    run(
        """
def test_it(orb, client):
    send(client, event("1"))
    with pytest.raises(AssertionError) as told:
        orb.wait_for("acme", "api_calls", 2, timeout=0.2)
    assert "Orb bills 1 'api_calls' to 'acme', not 2." in str(told.value)
    assert "That is after 0.2 s of waiting." in str(told.value)
    with pytest.raises(AssertionError, match="No exchange with status=500 in 0.1 s. What came:"):
        orb.exchanges.wait_for(status=500, timeout=0.1)
"""
    ).assert_outcomes(passed=1)


def test_what_a_source_takes_is_billed_at_its_tests_vendors(run: Run) -> None:
    """On a server of its own, whose forwarder is at work."""
    run(
        """
from segment.analytics.client import Client

def test_it(segment, orb, client):
    source = Client(write_key=segment.api_key, host=segment.base_url, sync_mode=True)
    source.track("acme", "api_calls", {"value": 1})
    orb.wait_for("acme", "api_calls", 1)
    assert segment.events[0].outcome == "accepted"
""",
        own=True,
    ).assert_outcomes(passed=1)


def test_variables_are_set_for_a_test_that_asks_and_for_no_other(run: Run) -> None:
    run(
        """
import os

def test_before(orb):
    assert "ORB_API_KEY" not in os.environ

@pytest.mark.meterbox(environment=True)
def test_asking(orb, hyperline):
    assert os.environ["HYPERLINE_API_URL"] == hyperline.base_url
    with sdk.Orb() as client:
        client.top_level.ping()
    assert [e.endpoint for e in orb.exchanges] == ["ping"]

def test_after(orb):
    assert "ORB_API_KEY" not in os.environ
    assert orb.environment == {"ORB_API_KEY": orb.api_key, "ORB_BASE_URL": orb.base_url}
"""
    ).assert_outcomes(passed=3)


def test_an_ini_file_sets_variables_for_every_test(run: Run) -> None:
    tests = """
import os

def test_it(kana):
    assert os.environ["KANA_DEV_URL"] == f"{kana.base_url}/cli"

@pytest.mark.meterbox(environment=False)
def test_not(kana):
    assert "KANA_DEV_URL" not in os.environ
"""
    run(tests, ini="meterbox_environment = true").assert_outcomes(passed=2)


def test_a_fixture_of_the_suites_own_wins(run: Run) -> None:
    run(
        """
@pytest.fixture
def kana():
    return "mine"

def test_it(kana):
    assert kana == "mine"
"""
    ).assert_outcomes(passed=1)


def test_more_accounts_are_had_from_the_house(run: Run) -> None:
    run(
        """
def test_it(meterbox, orb):
    other = meterbox.account("orb")
    assert other.api_key != orb.api_key and other.url == f"{meterbox.url}/orb"
"""
    ).assert_outcomes(passed=1)


def test_the_plugin_can_be_left_out(run: Run) -> None:
    done = run("\ndef test_it(orb):\n    pass\n", "-p", "no:meterbox")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*fixture 'orb' not found"])


def test_a_server_that_is_not_there_is_told(run: Run) -> None:
    done = run(
        """
import os
os.environ["METERBOX_URL"] = "http://127.0.0.1:9"

def test_it(orb):
    pass
"""
    )
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["No sandbox answers at http://127.0.0.1:9:*meterbox up"])


def test_a_new_vendor_has_a_fixture(acme_root: Path, tmp_path: Path) -> None:
    """One that lives in another folder, and is named in no file."""
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nmeterbox_vendors = {acme_root}\n")
    (tmp_path / "test_it.py").write_text(
        "def test_it(acme):\n"
        "    assert acme.api_key.startswith('ak_')\n"
        "    assert 'acme.usage.late' in acme.rules\n"
    )
    options = ["-q", "-p", "no:cacheprovider", "-p", "sandbox.pytest_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=tmp_path,
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        capture_output=True,
        text=True,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_clients_find_the_way_by_what_their_contracts_say() -> None:
    assert read("orb").base == "/v1"
    assert {name for vendor in vendors() for name in read(vendor).environment} == {
        "AFLO_API_ENDPOINT",
        "AFLO_API_KEY",
        "AFLO_BACKEND_TYPE",
        "HYPERLINE_API_KEY",
        "HYPERLINE_API_URL",
        "KANA_DEV_KEY",
        "KANA_DEV_URL",
        "ORB_API_KEY",
        "ORB_BASE_URL",
        "SEGMENT_HOST",
        "SEGMENT_WRITE_KEY",
    }
