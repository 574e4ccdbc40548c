"""Official clients, unmodified and told of nothing: the environment leads them to the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from metering.customer import CustomerApiClient, create_customer_payload
from metering.exceptions import ApiError
from metering.ingest import IngestApiClient, create_ingest_payload
from orb import Orb
from requests.exceptions import ProxyError
from segment.analytics.client import Client

from sandbox.app import Sandbox, create_app
from sandbox.proxy.beside import set_beside
from sandbox.proxy.egress import Egress
from sandbox.server import Running
from tests.running import NODE

HERE = Path(__file__).parent / "node"
node = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules" / "undici").is_dir(),
    reason="needs Node.js 20 or later, and: make node",
)
LIVE = "9f86d081884c7d659a2feaa0c55ad015"


@pytest.fixture(scope="module")
def house() -> Sandbox:
    return create_app()


@pytest.fixture(scope="module")
def variables(house: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What leads to a proxy beside every vendor."""
    egress = Egress(room.contract for room in house.accounts.rooms.values())
    told = set_beside(house, egress, 0, tmp_path_factory.mktemp("authority"))
    with Running(house) as running:
        httpx.get(running.url, trust_env=False).raise_for_status()
        yield told


@pytest.fixture
def led(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def key() -> str:
    return f"test-{uuid.uuid4().hex}"


def billed(house: Sandbox, vendor: str, key: str) -> list[tuple[str | None, str | None, Any]]:
    account = house.accounts.find(vendor, key)
    assert account is not None
    return [(t.customer, t.meter, t.quantity) for t in account.ledger.totals()]


def metered() -> dict[str, object]:
    payload: dict[str, object] = create_ingest_payload(
        meter_api_name="api-calls",
        meter_value=2,
        meter_time_in_millis=int(time.time() * 1000),
        customer_id="acme",
    )
    return payload


@pytest.mark.usefixtures("led")
def test_a_client_whose_address_cannot_be_set_is_billed_here(house: Sandbox, key: str) -> None:
    CustomerApiClient(key).add(create_customer_payload("acme", "Acme"))
    assert "ingested" in IngestApiClient(key).send([metered()])
    assert billed(house, "amberflo", key) == [("acme", "api-calls", 2)]


@pytest.mark.usefixtures("led")
def test_a_client_with_a_live_key_is_refused_in_one_line(house: Sandbox) -> None:
    with pytest.raises(ApiError, match=r"key 9f86d081…\(32\) looks like a live key of Amberflo"):
        CustomerApiClient(LIVE).list()
    assert house.accounts.find("amberflo", LIVE) is None


@pytest.mark.usefixtures("led")
def test_a_client_of_another_host_is_refused_in_one_line(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = CustomerApiClient(key)
    monkeypatch.setattr(client.client, "root_url", "https://app.amberflo.example")
    why = "403 .*nothing leave this machine for app.amberflo.example"
    with pytest.raises(ProxyError, match=why):
        client.list()


@pytest.mark.usefixtures("led")
def test_other_python_clients_need_no_address_either(house: Sandbox, key: str) -> None:
    with Orb(api_key=key, max_retries=0) as orb:
        assert orb.top_level.ping().response == "pong"
    client = Client(write_key=key, sync_mode=True, max_retries=0)
    client.track("acme", "api_call")
    assert billed(house, "segment", key) == [("acme", "api_call", 1)]


def told(variables: dict[str, str], *arguments: str) -> Any:
    """What a client in Node.js, in a process of its own, was told."""
    assert NODE is not None
    command = [NODE, "--import", "./proxied.mjs", *arguments]
    env = {**os.environ, **variables}
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_help_that_node_needs_is_the_readmes() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    helped = (HERE / "proxied.mjs").read_text().partition("\n")[2]
    assert helped in readme.read_text()


@node
def test_a_node_client_that_fetches_trusts_the_authority(
    house: Sandbox, variables: dict[str, str], key: str
) -> None:
    assert told(variables, "unaware.mjs", key) == {"made": "acme"}
    assert house.accounts.find("orb", key) is not None


@node
def test_a_node_client_with_a_live_key_is_refused(variables: dict[str, str]) -> None:
    answer = told(variables, "unaware.mjs", LIVE)
    assert answer["status"] == 403
    assert "looks like a live key of Orb (assumed: " in answer["message"]


@node
def test_a_node_client_without_the_authority_trusts_nobody(
    variables: dict[str, str], key: str
) -> None:
    """It is the variable that makes the difference."""
    answer = told({**variables, "NODE_EXTRA_CA_CERTS": ""}, "unaware.mjs", key)
    assert "unable to verify the first certificate" in answer["cause"]


@node
def test_a_node_client_of_node_fetch_reaches_its_own_host(variables: dict[str, str]) -> None:
    shown = json.dumps({"apiKey": f"pub_test_{uuid.uuid4().hex}", "userId": "1"})
    answer = told(variables, "kana.mjs", "https://client-api.usekana.com/graphql", shown)
    assert answer["packages"]["message"] == "Unauthenticated: no such user"


@node
def test_segments_node_client_needs_no_host(
    house: Sandbox, variables: dict[str, str], key: str
) -> None:
    answer = told(variables, "segment.mjs", key)
    assert (answer["errors"], len(answer["delivered"])) == ([], 6)
    assert ("u1", "api_call", 1) in billed(house, "segment", key)
