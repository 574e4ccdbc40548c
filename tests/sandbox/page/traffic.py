"""What happens on a page that tests look at: real requests to several vendors, of every verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

__all__ = ["HOSTILE", "KEY", "PLAIN", "SECRET", "Traffic", "event", "played"]

KEY = "page-account-0123456789"
SECRET = "page-write-key-in-a-body"
PLAIN: Any = {"trust_env": False, "verify": False, "timeout": 30}
"""How httpx asks on this machine: no authorities are read, and others share it."""
HOSTILE = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<svg onload=\"document.title='owned'\"><a href='javascript:1'>",
    "'\"><b>bold</b>&lt;&#60;",
    "{{ 7 * 7 }}{% include 'base.html' %}",
    "invoice\u202egnp.exe\u2066\u200b",
    "nul\x00bell\x07escape\x1b[31m",
    "data: 1\n\nevent: rows\ndata: <li>",
    "</script></textarea></style><!--",
)
"""Texts of whom nobody should trust, as a payload may hold them anywhere."""


def event(name: str, hours: float = 0, **more: Any) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(hours=hours)
    return {
        "event_name": "api_call",
        "timestamp": at.isoformat(timespec="seconds"),
        "idempotency_key": name,
        "external_customer_id": "acme",
        "properties": {"tokens": 12, "region": "eu", "cached": True},
        **more,
    }


class Traffic:
    """Sends requests to a sandbox; `ids` are the exchanges they became, by a name."""

    def __init__(self, url: str, key: str = KEY) -> None:
        self.url, self.key = url, key
        self.ids: dict[str, str] = {}
        self._http = httpx.Client(base_url=url, **PLAIN)

    def send(self, name: str, method: str, path: str, **more: Any) -> httpx.Response:
        more.setdefault("headers", {"authorization": f"Bearer {self.key}"})
        answer = self._http.request(method, path, **more)
        self.ids[name] = answer.headers.get("x-meterbox-exchange", "")
        return answer

    def ingest(self, name: str, *events: dict[str, Any]) -> httpx.Response:
        return self.send(name, "POST", "/orb/v1/ingest", json={"events": list(events)})

    def close(self) -> None:
        self._http.close()


def played(url: str) -> Traffic:
    """A morning at several vendors."""
    sent = Traffic(url)
    acme = {"name": "Acme", "email": "billing@acme.test", "external_customer_id": "acme"}
    sent.send("customer", "POST", "/orb/v1/customers", json=acme)
    sent.ingest("accepted", *(event(f"k{n}") for n in range(12)))
    sent.ingest("duplicate", *(event(f"k{n}") for n in range(3)), event("k20"))
    wrong = {**event("k31"), "event_nmae": "api_call", "timestamp": "yesterday"}
    del wrong["event_name"]
    sent.ingest("refused", event("k30"), wrong, event("k32", 2_000))
    sent.ingest("hostile", *(event(text, properties={text: text}) for text in HOSTILE))
    sent.ingest("large", event("k40", properties={"text": "x" * 1_000_000}))
    record = {"meterApiName": "api", "customerId": "acme", "meterValue": 3}
    record["meterTimeInMillis"] = int(datetime.now(UTC).timestamp() * 1000)
    amberflo = {"x-api-key": "page-amberflo"}
    sent.send("not billed", "POST", "/amberflo/ingest", json=[record], headers=amberflo)
    track = {"type": "track", "event": "API Call", "userId": "acme", "messageId": "m1"}
    sent.send("segment", "POST", "/segment/v1/track", json=track, headers={}, auth=("page-key", ""))
    track = {**track, "messageId": "m2", "writeKey": SECRET}
    sent.send("in body", "POST", "/segment/v1/track", json=track, headers={})
    sent.send("answered", "GET", "/orb/v1/customers")
    at = f"/_meterbox/accounts/orb/{KEY}/faults"
    sent.send("-", "POST", at, json={"kind": "status", "status": 503})
    sent.send("fault", "GET", "/orb/v1/customers/nobody")
    wrong_key = {"authorization": "Bearer bad_key"}
    sent.send("wrong key", "POST", "/orb/v1/ingest", json={"events": []}, headers=wrong_key)
    sent.send("stranger", "POST", "/orb/v1/ingest", json={"events": []}, headers={})
    return sent
