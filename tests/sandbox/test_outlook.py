"""What a vendor keeps is listed, and what a clock would bring about is told before it is turned."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from contracts import credentials
from contracts.reader import read, vendors
from sandbox import foresight
from sandbox.app import Options, Sandbox, create_app
from sandbox.deliveries import Destination
from sandbox.staging import set_up
from tests.acme import inside
from tests.translators.forwarding.scripted import EVENT as TRACKED
from tests.translators.forwarding.scripted import SETTINGS

NOON = "2026-01-15T12:00:00Z"
BILLING = [vendor for vendor in vendors() if read(vendor).role == "billing"]
SOURCE = next(vendor for vendor in vendors() if read(vendor).role == "source")
EVENT = {
    "type": "track",
    "event": "API Call",
    "userId": "acme",
    "messageId": "m1",
    "properties": {"featureId": "calls", "usage": 2, "event_name": "api"},
}


class Counter:
    """A sandbox in this process, and what is asked of it."""

    def __init__(self, **options: Any) -> None:
        self.sandbox: Sandbox = create_app(Options(**options))

    def ask(self, method: str, path: str, body: Any = None, headers: Any = None) -> Any:
        async def run() -> Any:
            async with inside(self.sandbox) as client:
                answer = await client.request(method, path, json=body, headers=headers)
                return answer.json()

        return asyncio.run(run())

    def control(self, vendor: str, path: str, body: Any = None) -> Any:
        at = f"/_meterbox/accounts/{vendor}/{read(vendor).key('outlook')}{path}"
        return self.ask("GET" if body is None else "POST", at, body)

    def send(self, vendor: str, path: str, body: Any) -> Any:
        headers = credentials.headers(read(vendor).auth, read(vendor).key("outlook"))
        return self.ask("POST", f"/{vendor}{path}", body, headers)


@pytest.mark.parametrize("vendor", BILLING)
def test_what_a_team_sets_up_is_listed(vendor: str) -> None:
    counter, key = Counter(vendors=[vendor]), read(vendor).key("outlook")
    account = counter.sandbox.accounts.open(vendor, key)
    assert asyncio.run(set_up({vendor: account}, [EVENT], counter.sandbox.switchboard)) == []
    shelves = counter.control(vendor, "/state")["state"]
    assert len({shelf["name"] for shelf in shelves}) == len(shelves)
    for shelf in shelves:
        assert shelf["count"] == len(shelf["rows"])
        # A row's first field tells it from the others.
        assert len({str(next(iter(row.values()))) for row in shelf["rows"]}) == shelf["count"]
    assert "acme" in [value for row in shelves[0]["rows"] for value in row.values()]
    assert key not in str(shelves)


def test_a_source_has_a_state_too() -> None:
    shelves = Counter(vendors=[SOURCE])
    shelves.send(SOURCE, "/v1/track", EVENT)
    source, debugger = shelves.control(SOURCE, "/state")["state"]
    assert source["rows"][0]["source"] == "enabled"
    assert debugger["count"] == 1


def orb() -> Counter:
    """Noon at Orb, where a backfill of a morning closes in a day."""
    counter = Counter(vendors=["orb"])
    counter.control("orb", "/clock", {"freeze": NOON})
    customer = {"name": "acme", "email": "a@b.test", "external_customer_id": "acme"}
    counter.send("orb", "/v1/customers", customer)
    fill = {
        "timeframe_start": "2026-01-14T00:00:00Z",
        "timeframe_end": "2026-01-14T12:00:00Z",
        "close_time": "2026-01-16T12:00:00Z",
    }
    id = counter.send("orb", "/v1/events/backfills", fill)["id"]
    event = {
        "event_name": "calls",
        "idempotency_key": "k1",
        "external_customer_id": "acme",
        "timestamp": "2026-01-14T06:00:00Z",
        "properties": {},
    }
    counter.send("orb", f"/v1/ingest?backfill_id={id}", {"events": [event]})
    return counter


def test_a_trial_tells_what_time_brings_about_and_changes_nothing() -> None:
    counter = orb()
    looked = ("", "/ledger", "/state", "/clock", "/exchanges", "/settings")
    before = [counter.control("orb", path) for path in looked]
    soon = counter.control("orb", "/clock/trial", {"advance": "1h"})
    assert (soon["ledger"], soon["totals"], soon["state"]) == ([], [], [])
    later = counter.control("orb", "/clock/trial", {"advance": "2d"})
    assert (later["now"][:19], later["then"][:19]) == ("2026-01-15T12:00:00", "2026-01-17T12:00:00")
    assert later["ledger"] == [
        {"outcome": "accepted", "rule": "orb.backfill.reflected", "events": 1}
    ]
    assert later["totals"] == [{"customer": "acme", "meter": "calls", "before": 0, "after": 1}]
    (change,) = later["state"]
    assert change["kind"] == "backfills"
    assert (change["before"]["status"], change["after"]["status"]) == ("pending", "reflected")
    assert later["different"] == 0
    assert [counter.control("orb", path) for path in looked] == before
    counter.control("orb", "/clock", {"advance": "2d"})
    assert counter.control("orb", "/ledger")["totals"][0]["quantity"] == 1


def test_windows_and_faults_move_along() -> None:
    counter = orb()
    counter.control("orb", "/faults", {"kind": "status", "ttl": "5m", "times": None})
    counter.control("orb", "/faults", {"kind": "reset", "since": "2026-01-15T13:00:00Z"})
    ahead = counter.control("orb", "/clock/trial", {"advance": "2h"})
    assert ahead["due"] == [
        {"what": "fault begins", "count": 1, "first": "2026-01-15T13:00:00.000Z"},
        {"what": "fault ends", "count": 1, "first": "2026-01-15T12:05:00.000Z"},
    ]
    (grace,) = (w for w in ahead["windows"] if w["rule"] == "orb.ingest.grace-period")
    assert (grace["length"], grace["reaches_then"]) == ("12h", "2026-01-15T02:00:00.000Z")


def test_deliveries_that_wait_are_due() -> None:
    counter = Counter(vendors=["orb", SOURCE], destinations={"orb": Destination(SETTINGS)})
    vendor, key = "orb", read("orb").key(read(SOURCE).name(read(SOURCE).key("outlook")))

    async def run() -> Any:
        async with inside(counter.sandbox) as client:
            at = f"/_meterbox/accounts/{SOURCE}/{read(SOURCE).key('outlook')}"
            await client.post(f"{at}/clock", json={"freeze": NOON})
            faults = f"/_meterbox/accounts/{vendor}/{key}/faults"
            await client.post(faults, json={"kind": "status", "times": None})
            headers = credentials.headers(read(SOURCE).auth, read(SOURCE).key("outlook"))
            await client.post(f"/{SOURCE}/v1/track", json=TRACKED, headers=headers)
            sent: dict[str, Any] = {}
            async with asyncio.timeout(30):
                while not sent.get("attempts"):
                    await asyncio.sleep(0.02)
                    (sent,) = (await client.get(f"{at}/deliveries")).json()["deliveries"]
            return (await client.post(f"{at}/clock/trial", json={"advance": "4h"})).json()

    (due,) = asyncio.run(run())["due"]
    assert (due["what"], due["count"]) == ("delivery is tried again", 1)


def test_what_cannot_be_tried_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = orb()
    wrong = counter.control("orb", "/clock/trial", {"advance": "a while"})
    assert wrong == {"error": "advance: 'a while' is not a length of time such as 13h or 34d."}
    monkeypatch.setattr(foresight, "MOST", 1)
    told = counter.control("orb", "/clock/trial", {"advance": "1h"})
    assert told["error"].startswith("A trial does all of an account again")
