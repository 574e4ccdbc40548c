"""Segment's own Python client, unmodified but for its host."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from segment.analytics.client import Client

from sandbox.app import Options, create_app
from sandbox.deliveries import Destination
from sandbox.server import Running
from tests.waiting import until


@pytest.fixture
def client(server: Running, key: str) -> Iterator[Client]:
    client = Client(write_key=key, host=f"{server.url}/segment", on_error=_raised, max_retries=0)
    yield client
    client.join()


def _raised(error: Exception, _: object) -> None:
    raise error


def test_track_identify_and_page_arrive(
    client: Client, server: Running, http: httpx.Client, key: str
) -> None:
    client.identify("u1", {"email": "u1@acme.test"})
    client.track("u1", "api_call", {"region": "us-east-1"})
    client.page("u1", "Docs", "Home")
    client.flush()
    told = http.get(f"{server.url}/_meterbox/accounts/segment/{key}/exchanges").json()["exchanges"]
    assert {exchange["status"] for exchange in told} == {200}
    assert sum(sum(exchange["outcomes"].values()) for exchange in told) == 3


def test_what_it_gzips_arrives_too(server: Running, http: httpx.Client, key: str) -> None:
    client = Client(write_key=key, host=f"{server.url}/segment", gzip=True, sync_mode=True)
    client.track("u1", "api_call")
    [told] = http.get(f"{server.url}/_meterbox/accounts/segment/{key}/exchanges").json()[
        "exchanges"
    ]
    assert (told["status"], told["verdict"] != "refused") == (200, True)


def test_what_it_tracks_is_billed_at_the_vendors(key: str, http: httpx.Client) -> None:
    """Through intake, translators and forwarder, to every vendor that needs no more settings."""
    mapped = {"externalCustomerIdField": "userId", "propertiesMappingFields": {"region": "region"}}
    with Running(create_app(Options(destinations={"orb": Destination(settings=mapped)}))) as server:
        client = Client(write_key=key, host=f"{server.url}/segment", sync_mode=True)
        client.track("u1", "api_call", {"region": "us-east-1"})
        at = f"{server.url}/_meterbox/accounts"
        told = http.get(f"{at}/orb/{key}/exchanges", params={"wait": "10"}).json()
        assert [exchange["status"] for exchange in told["exchanges"]] == [200]
        [entry] = http.get(f"{at}/orb/{key}/ledger").json()["entries"]
        assert (entry["customer"], entry["meter"]) == ("u1", "api_call")
        assert until(lambda: outcomes(http, f"{at}/segment/{key}") == ["delivered"])


def outcomes(http: httpx.Client, account: str) -> list[str]:
    return [one["outcome"] for one in http.get(f"{account}/deliveries").json()["deliveries"]]
