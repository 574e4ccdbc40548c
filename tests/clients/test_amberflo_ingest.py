"""Amberflo's own threaded Python client, unmodified but for its root URL: what it sends is billed
once, and what goes wrong on the way shows in the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from metering.exceptions import ApiError
from metering.ingest import create_ingest_client
from metering.ingest.producer import ThreadedProducer
from metering.session import IngestSession

from sandbox.server import Running

NOON = 1_768_478_400_000
SCHEMA = "/ingest/settings/ingest-schema"


def at_once(*_: Any, **__: Any) -> Iterator[float | None]:
    """A backoff that does not wait."""
    yield None
    while True:
        yield 0


class Desk:
    """One key at Amberflo: its own API, and meterbox's behind it."""

    def __init__(self, url: str, http: httpx.Client, key: str) -> None:
        self.url, self.http, self.key = f"{url}/amberflo", http, key
        self._account = f"{url}/_meterbox/accounts/amberflo/{key}"

    def ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {"x-api-key": self.key}
        answer = self.http.request(method, self.url + path, headers=headers, **options)
        return answer.raise_for_status().json()

    def act(self, what: str, **given: Any) -> None:
        self.http.post(f"{self._account}/{what}", json=given).raise_for_status()

    def told(self, what: str) -> Any:
        return self.http.get(f"{self._account}/{what}").raise_for_status().json()

    def billed(self) -> dict[str, Any]:
        return {total["meter"]: total["quantity"] for total in self.told("ledger")["totals"]}

    def attempts(self) -> list[tuple[int, str]]:
        """What became of each request for records: its status and the verdict."""
        rows = self.told("exchanges?endpoint=ingest")["exchanges"]
        return [(row["status"], row["verdict"]) for row in rows]


@pytest.fixture
def desk(server: Running, http: httpx.Client, key: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(IngestSession, "root_url", f"{server.url}/amberflo")
    desk = Desk(server.url, http, key)
    desk.ask("PUT", "/customers", json={"customerId": "c1", "customerName": "Acme"})
    return desk


Failed = list[tuple[Exception, list[Any]]]


@contextmanager
def client(desk: Desk, **options: Any) -> Iterator[tuple[ThreadedProducer, Failed]]:
    """The client as `create_ingest_client` makes it, hurried on, and what it gave up."""
    failed: Failed = []
    made = create_ingest_client(
        api_key=desk.key,
        on_error=lambda error, batch: failed.append((error, batch)),
        backoff_delay=at_once,
        send_interval_in_secs=0.05,
        sleep_interval_in_secs=0.01,
        **options,
    )
    try:
        yield made, failed
    finally:
        made.shutdown()


def send(made: ThreadedProducer, count: int) -> None:
    for n in range(count):
        assert made.meter("api-calls", 2.5, NOON + n, "c1", {"region": "us-east-1"})


def test_what_its_threads_send_is_billed_whole_once_it_is_flushed(desk: Desk) -> None:
    with client(desk, batch_size=40) as (made, failed):
        send(made, 250)
        made.flush()
        assert desk.billed() == {"api-calls": 625}
    assert failed == []
    sent = desk.told("exchanges?endpoint=ingest")["exchanges"]
    assert len(sent) >= 7
    one = desk.http.get(f"{desk.url[:-9]}/_meterbox/exchanges/{sent[0]['id']}").json()
    assert (one["request"]["path"], one["request"]["method"]) == ("/ingest/", "POST")
    assert one["request"]["headers"]["content-encoding"] == "gzip"


def test_a_shutdown_leaves_nothing_behind(desk: Desk) -> None:
    with client(desk) as (made, failed):
        send(made, 120)
    assert failed == []
    assert desk.billed() == {"api-calls": 300}


def test_records_of_its_own_form_are_billed_once_it_is_declared_what_they_mean(desk: Desk) -> None:
    desk.ask("POST", SCHEMA, json={"id": "s1", "schema": {}})
    fields = {"customerId": "customerId", "meterTimeInMillis": "created", "meterValue": "usage"}
    constants = {"meterApiName": "my meter"}
    desk.act("dashboard/declare-ingest-schema", id="s1", fields=fields, constants=constants)
    with client(desk) as (made, failed):
        for n in range(10):
            made.send_custom({"customerId": "c1", "created": NOON + n, "usage": 1.5})
    assert failed == []
    assert desk.billed() == {"my meter": 15}


@pytest.mark.parametrize("status", [202, 204, 429, 500, 503])
def test_what_is_not_a_200_is_sent_again_and_billed_once(desk: Desk, status: int) -> None:
    """Why the answer is 200 and nothing else (rule amberflo.ingest.answer)."""
    desk.act("faults", kind="status", status=status, times=2, endpoint="ingest")
    with client(desk) as (made, failed):
        send(made, 1)
    assert failed == []
    assert desk.attempts() == [(status, "fault"), (status, "fault"), (200, "accepted")]
    assert desk.billed() == {"api-calls": 2.5}


@pytest.mark.parametrize("status", [202, 500])
def test_after_seven_attempts_the_usage_is_given_up_and_lost(desk: Desk, status: int) -> None:
    desk.act("faults", kind="status", status=status, times=10, endpoint="ingest")
    with client(desk) as (made, failed):
        send(made, 1)
    assert desk.attempts() == [(status, "fault")] * 7
    [(error, batch)] = failed
    assert isinstance(error, ApiError)
    assert (error.status_code, len(batch)) == (status, 1)
    assert desk.billed() == {}


def test_a_refusal_is_not_sent_again(desk: Desk) -> None:
    with client(desk) as (made, failed):
        made.send({"customerId": "c1", "meterApiName": "api-calls", "meterValue": 1})
    assert desk.attempts() == [(400, "refused")]
    [(error, _)] = failed
    assert isinstance(error, ApiError)
    assert "meterTimeInMillis" in str(error)


AFTER = ("lost-reply", "status-after")


@pytest.mark.parametrize(
    ("kind", "status"), [("lost-reply", 500), ("status-after", 202), ("reset", 500)]
)
def test_what_is_applied_and_not_told_is_billed_once(desk: Desk, kind: str, status: int) -> None:
    desk.act("faults", kind=kind, status=status, times=3, endpoint="ingest")
    with client(desk) as (made, failed):
        send(made, 1)
    assert failed == []
    assert desk.billed() == {"api-calls": 2.5}
    outcomes = [entry["outcome"] for entry in desk.told("ledger")["entries"]]
    assert outcomes == ["accepted"] + (["duplicate"] * 3 if kind in AFTER else [])
