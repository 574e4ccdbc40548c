"""Segment's own Python SDK, unmodified, against a real socket."""

from collections.abc import Iterator
from typing import Any

import pytest
from segment.analytics.client import Client

from sandbox.app import Options, Sandbox, create_app
from sandbox.server import Running

KEY = "sdk-write-key"


@pytest.fixture
def sandbox() -> Sandbox:
    return create_app(Options(vendors=["segment"]))


@pytest.fixture
def url(sandbox: Sandbox) -> Iterator[str]:
    with Running(sandbox) as server:
        yield f"{server.url}/segment"


@pytest.mark.parametrize("gzip", [False, True])
def test_the_python_sdk_delivers_every_kind_of_call(sandbox: Sandbox, url: str, gzip: bool) -> None:
    failed: list[Any] = []
    client = Client(KEY, host=url, gzip=gzip, max_retries=0, on_error=lambda *e: failed.append(e))
    client.identify("acme", {"plan": "pro"})
    client.track("acme", "Api Call", {"value": 2})
    client.page("acme", name="Home")
    client.screen("acme", name="Home")
    client.group("acme", "g-1", {"name": "Acme"})
    client.alias("anon-1", "acme")
    client.flush()
    client.join()
    assert failed == []
    account = sandbox.accounts.open("segment", KEY)
    assert {entry.outcome for entry in account.ledger.entries()} == {"accepted"}
    assert [(total.meter, total.events) for total in account.ledger.totals()] == [
        ("identify", 1),
        ("Api Call", 1),
        ("page", 1),
        ("screen", 1),
        ("group", 1),
        ("alias", 1),
    ]
    assert [f for exchange in account.journal.after(0) for f in exchange.findings] == []


def test_the_python_sdk_gives_up_on_a_call_that_is_too_large(sandbox: Sandbox, url: str) -> None:
    sandbox.accounts.open("segment", KEY).set("segment.limit.kilobyte", "1000")
    client = Client(KEY, host=url, sync_mode=True, max_retries=3)
    with pytest.raises(Exception, match="payload_too_large"):
        client.track("acme", "Api Call", {"note": "x" * 32_300})
    assert len(list(sandbox.accounts.open("segment", KEY).journal.after(0))) == 1
