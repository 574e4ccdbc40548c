"""Requests as the documents of vendors without a client write them: a webhook form, a curl line."""

from __future__ import annotations

import base64
import json
import subprocess
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from contracts.reader import read
from sandbox.server import Running


def basic(user: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:".encode()).decode()


@pytest.mark.parametrize("form", ["Bearer {}", "{}", "basic"])
def test_segments_webhook_reaches_kana_with_any_of_its_credentials(
    server: Running, http: httpx.Client, form: str
) -> None:
    key = read("kana").key(uuid.uuid4().hex)
    event = {
        "type": "track",
        "event": "api_call",
        "userId": "u1",
        "messageId": uuid.uuid4().hex,
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"featureId": "api-calls", "delta": 3},
    }
    shown = basic(key) if form == "basic" else form.format(key)
    answer = http.post(
        f"{server.url}/kana/segment/events", json=event, headers={"authorization": shown}
    )
    assert answer.is_success, answer.text
    told = http.get(f"{server.url}/_meterbox/accounts/kana/{key}/exchanges").json()["exchanges"]
    assert [exchange["status"] for exchange in told] == [answer.status_code]


def curl(*arguments: str) -> Any:
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "20", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout or "null")


def test_a_curl_line_sends_hyperline_an_event_that_is_billed(
    server: Running, http: httpx.Client
) -> None:
    key = read("hyperline").key(uuid.uuid4().hex)
    at, headers = f"{server.url}/hyperline", ["-H", f"Authorization: Bearer {key}"]
    json_body = ["-H", "Content-Type: application/json", "-d"]
    customer = curl(f"{at}/v1/customers", *headers, *json_body, '{"name": "Acme"}')
    event = {
        "customer_id": customer["id"],
        "event_type": "api_call",
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "record": {"id": "r1", "status": "done"},
    }
    curl(f"{at}/v1/events", *headers, *json_body, json.dumps(event))
    ledger = http.get(f"{server.url}/_meterbox/accounts/hyperline/{key}/ledger").json()
    assert [entry["outcome"] for entry in ledger["entries"]] == ["accepted"]
    assert ledger["totals"][0]["customer"] in (customer["id"], "Acme")


@pytest.mark.parametrize("host", read("hyperline").hosts)
def test_a_curl_line_may_name_the_host_and_no_prefix(server: Running, host: str) -> None:
    key = read("hyperline").key(uuid.uuid4().hex)
    port = server.url.rpartition(":")[2]
    told = curl(
        f"http://{host}:{port}/v1/customers",
        *("--resolve", f"{host}:{port}:127.0.0.1"),
        *("-H", f"Authorization: Bearer {key}"),
    )
    assert "error" not in str(told).lower()
