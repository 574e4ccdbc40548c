"""Events that went from a source to every vendor, one of them with trouble on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from contracts import credentials
from contracts.reader import read
from sandbox.auth import handle
from sandbox.staging import setup
from sandbox.wiring import destinations
from tests.sandbox.page.traffic import PLAIN
from tests.waiting import until

__all__ = ["DESTINATIONS", "KEY", "Roads", "event", "opened", "travel"]

KEY = "roads-0123456789"
DESTINATIONS = destinations({})[0]


def event(id: str, **more: Any) -> dict[str, Any]:
    """A call for which all vendors bill something."""
    now = datetime.now(UTC)
    told = {
        "type": "track",
        "event": "ApiCalls",
        "userId": "acme",
        "messageId": id,
        "properties": {"value": 3, "region": "eu", "tokens": 1200, "featureId": "ai-calls"},
        "timestamp": (now - timedelta(minutes=5)).isoformat(timespec="milliseconds"),
        "sentAt": (now - timedelta(minutes=3)).isoformat(timespec="milliseconds"),
        "context": {"library": {"name": "analytics-python", "version": "2.3.3"}},
    }
    return {name: value for name, value in {**told, **more}.items() if value is not None}


class Roads:
    """Speaks with a sandbox as an SDK of the source, and as its control API's user."""

    def __init__(self, url: str) -> None:
        self.url, self.handle = url, handle(KEY)
        self.http = httpx.Client(base_url=url, **PLAIN)

    def send(self, *calls: dict[str, Any]) -> str:
        """Send calls, one as itself and several as a batch; answers the exchange's id."""
        if len(calls) == 1:
            path, body = calls[0]["type"], calls[0]
        else:
            path, body = "batch", {"batch": list(calls), "sentAt": calls[0]["sentAt"]}
        answer = self.http.post(f"/segment/v1/{path}", json=body, auth=(KEY, ""))
        assert answer.status_code == 200
        return answer.headers["x-meterbox-exchange"]

    def fault(self, vendor: str, **fault: Any) -> None:
        at = f"/_meterbox/accounts/{vendor}/{read(vendor).key(KEY)}/faults"
        self.http.post(at, json=fault).raise_for_status()

    def journey(self, name: str) -> Any:
        at = f"/_meterbox/accounts/segment/{self.handle}/events/{name}/journey"
        return self.http.get(at).raise_for_status().json()

    def settled(self, *names: str) -> None:
        """Wait until nothing of these events is under way."""
        at = f"/_meterbox/accounts/segment/{self.handle}/deliveries"

        def ended() -> bool:
            told = self.http.get(at).json()["deliveries"]
            under_way = any(one["outcome"] in ("pending", "retry") for one in told)
            return not under_way and {one["event"] for one in told} >= set(names)

        until(ended)

    def path(self, name: str) -> str:
        return f"/_meterbox/page/journeys/segment/{self.handle}?event={name}"


@contextmanager
def opened(url: str) -> Iterator[Roads]:
    """A client for as long as it is needed."""
    roads = Roads(url)
    try:
        yield roads
    finally:
        roads.http.close()


def prepare(roads: Roads) -> None:
    """Have every vendor know the customer, the meters and the features."""
    for vendor in DESTINATIONS:
        key = read(vendor).key(KEY)
        for step in setup(vendor, [event("none")]):
            if "dashboard" in step:
                at = f"/_meterbox/accounts/{vendor}/{key}/dashboard/{step['dashboard']}"
                answer = roads.http.post(at, json=step["json"])
            else:
                shown = credentials.headers(read(vendor).auth, key)
                at = f"/{vendor}{step['path']}"
                answer = roads.http.request(step["method"], at, json=step["json"], headers=shown)
            answer.raise_for_status()


def travel(roads: Roads) -> None:
    """Send a call with faults on its way, and others that do not get as far."""
    prepare(roads)
    roads.fault("orb", kind="status", status=503, retry_after=1)
    roads.fault("amberflo", kind="lost-reply")
    roads.send(event("m-1"))
    roads.send(event("anonymous", userId=None, anonymousId="a-1"))
    roads.send(event("page", type="page", event=None, name="Home"))
    roads.send(event("kept-back", integrations={"All": False, "Orb": True}))
    roads.send(event("number", event=7))
    roads.send(event("b-1"), event("b-2"), event(""))
    roads.settled("m-1", "anonymous", "page", "kept-back", "b-1", "b-2")
    roads.send(event("m-1"))
