"""Runs pytest inside of pytest, with the plugin and little else."""

from __future__ import annotations

from collections.abc import Callable

# Imported here so that no inner run imports them anew: those of orb alone take seconds.
import anyio.to_thread  # noqa: F401
import orb.resources  # noqa: F401
import pytest
import segment.analytics.client  # noqa: F401

import sandbox.testing.house  # noqa: F401
from sandbox.server import Running

Run = Callable[..., pytest.RunResult]
FEWER = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:hypothesispytest")

# What every inner test-suite has: Orb's client, one customer, and events.
SHARED = """
from datetime import datetime, timedelta, UTC
import orb as sdk
import pytest

def event(key, ago="0h", **more):
    at = datetime.now(UTC) - timedelta(hours=int(ago[:-1]))
    return {"event_name": "api_calls", "timestamp": at.isoformat(), "idempotency_key": key,
            "external_customer_id": "acme", "properties": {}, **more}

def client_of(orb):
    return sdk.Orb(base_url=orb.base_url, api_key=orb.api_key, max_retries=2)

@pytest.fixture
def client(orb):
    with client_of(orb) as client:
        client.customers.create(name="A", email="a@b.test", external_customer_id="acme")
        yield client

def send(client, *events):
    client.post("/ingest", cast_to=object, body={"events": list(events)})
"""


@pytest.fixture
def run(pytester: pytest.Pytester, server: Running, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs these tests against the server that runs already, or a server of their own."""

    for name in ("CI", "BUILD_NUMBER"):  # in CI pytest's summary repeats whole messages
        monkeypatch.delenv(name, raising=False)

    def ran(
        tests: str, *options: str, own: bool = False, ini: str = "", shared: str = SHARED
    ) -> pytest.RunResult:
        if own:
            monkeypatch.delenv("METERBOX_URL", raising=False)
        else:
            monkeypatch.setenv("METERBOX_URL", server.url)
        pytester.makeini(f"[pytest]\nfilterwarnings = error\nmarkers =\n{ini}")
        pytester.makepyfile(shared + tests)
        plain = ("--strict-markers", "--tb=short", "-p", "no:randomly")
        return pytester.runpytest_inprocess(*FEWER, *plain, *options)

    return ran
