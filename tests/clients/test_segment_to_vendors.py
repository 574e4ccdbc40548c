"""Segment's own Python client, at `meterbox up` as it comes: from the call to four ledgers."""

from __future__ import annotations

from typing import Any

import httpx
from segment.analytics.client import Client

from contracts import credentials
from contracts.reader import read
from tests.running import Up

CUSTOMERS = {
    "orb": {"name": "Acme", "email": "billing@acme.test", "external_customer_id": "acme"},
    "hyperline": {"name": "Acme", "external_id": "acme"},
}
FEATURE = {"add": {"id": "calls", "name": "Calls", "type": "CONSUMABLE"}}
PACKAGE = {"id": "pro", "features": [{"id": "calls", "limit": 100, "resetPeriod": "MONTH"}]}
BILLED = {
    "amberflo": ("acme", "api_call", 3),
    "hyperline": ("acme", "api_call", 1),
    "kana": ("acme", "calls", 3),
    "orb": ("acme", "api_call", 1),
}


def account(url: str, vendor: str, name: str) -> str:
    return f"{url}/_meterbox/accounts/{vendor}/{read(vendor).key(name)}"


def prepare(http: httpx.Client, url: str, name: str) -> None:
    """What no Segment call makes: customers at Orb and Hyperline, and a package at Kana."""
    for vendor, body in CUSTOMERS.items():
        headers = credentials.headers(read(vendor).auth, read(vendor).key(name))
        at = f"{url}/{vendor}/v1/customers"
        assert http.post(at, json=body, headers=headers).status_code == 201
    shown(http, url, name, "features", FEATURE)
    shown(http, url, name, "packages", {"add": PACKAGE})
    shown(http, url, name, "packages", {"publish": "pro"})


def shown(http: httpx.Client, url: str, name: str, page: str, arguments: Any) -> None:
    """Something done on Kana's dashboard."""
    at = f"{account(url, 'kana', name)}/dashboard/{page}"
    assert http.post(at, json=arguments).status_code == 200


def exchanged(http: httpx.Client, url: str, vendor: str, name: str, rows: int) -> list[Any]:
    """The vendor's exchanges once there are so many."""
    at, found = f"{account(url, vendor, name)}/exchanges", list[Any]()
    while len(found) < rows:
        query = {"after": str(found[-1]["number"] if found else 0), "wait": "10"}
        new = http.get(at, params=query).raise_for_status().json()["exchanges"]
        assert new, f"{vendor} has {len(found)} exchanges after ten seconds"
        found += new
    return found


def play(http: httpx.Client, url: str, name: str) -> None:
    """An identify, a page and a track call of a source, until four vendors have billed them."""
    prepare(http, url, name)
    key = read("segment").key(name)
    client = Client(write_key=key, host=f"{url}/segment", sync_mode=True)
    client.identify("acme", {"name": "Acme", "email": "billing@acme.test"})
    exchanged(http, url, "kana", name, 1)
    subscription = {"userId": "acme", "packageIds": ["pro"]}
    shown(http, url, name, "subscriptions", {"add": subscription})
    client.page("acme", "Docs", "Home")
    client.track("acme", "api_call", {"value": 3, "featureId": "calls", "delta": 3})
    # Customers made, identify, page and track: as many as each vendor takes.
    for vendor, rows in {"amberflo": 3, "hyperline": 2, "kana": 2, "orb": 2}.items():
        exchanged(http, url, vendor, name, rows)
    for vendor, (customer, meter, quantity) in BILLED.items():
        told = http.get(f"{account(url, vendor, name)}/ledger").json()["totals"]
        total = {"customer": customer, "meter": meter, "quantity": quantity, "events": 1}
        assert total in told, f"{vendor}: {told}"


def test_an_identify_and_a_track_call_are_billed_at_four_vendors(http: httpx.Client) -> None:
    with Up() as up:
        play(http, up.url, "acme-test")
