"""Hyperline's webhooks, received on a socket and verified by the Standard Webhooks library."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import standardwebhooks.webhooks as verifier
from standardwebhooks import Webhook, WebhookVerificationError

from contracts.model import BadValue
from contracts.reader import read
from sandbox.account import Account
from sandbox.hyperline.app import create_room
from sandbox.hyperline.webhooks import signature
from sandbox.server import Running
from tests.acme import NOW
from tests.sandbox.hyperline.conftest import Desk
from tests.sandbox.receiver import Receiver
from tests.waiting import until

SECRET = "whsec_c3VwZXItc2VjcmV0LWtleS1ieXRlcw=="
ID, STAMP, BODY = "msg_01HY", 1712000000, b'{"event_type":"wallet.credited","data":{}}'
SIGNED = "v1,rTWeat4hIcsFxnBCrPrdchDzHSDwc9f+kOCEi0qb3lM="


def frozen(patch: pytest.MonkeyPatch, at: datetime) -> None:
    """The verifier's clock stands still."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # the verifier's datetime
            return at.astimezone(tz)

    patch.setattr(verifier, "datetime", Then)


def test_the_vector_verifies_with_standard_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """hyperline.webhook.signature"""
    assert signature(SECRET, ID, STAMP, BODY) == SIGNED
    assert signature(SECRET.removeprefix("whsec_"), ID, STAMP, BODY) == SIGNED
    frozen(monkeypatch, datetime.fromtimestamp(STAMP, UTC))
    headers = {"webhook-id": ID, "webhook-timestamp": str(STAMP), "webhook-signature": SIGNED}
    assert Webhook(SECRET).verify(BODY, headers) == {"event_type": "wallet.credited", "data": {}}
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(SECRET).verify(BODY + b" ", headers)


@dataclass
class Told:
    """An account on a real port that tells a receiver on another."""

    http: httpx.Client
    core: httpx.Client
    at: str
    receiver: Receiver
    secret: str
    endpoint: str

    def message(self, number: int = 0) -> dict[str, Any]:
        """What was received, verified as a receiver verifies it."""
        got = until(lambda: self.receiver.received[number : number + 1])[0]
        found: dict[str, Any] = Webhook(self.secret).verify(got.body, got.headers)
        return found

    def dashboard(self, name: str, **arguments: Any) -> httpx.Response:
        return self.http.post(f"{self.at}/dashboard/{name}", json=arguments)

    def deliveries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(f"{self.at}/webhooks").json()["deliveries"]
        return found

    def tried(self, times: int) -> None:
        """Wait until the first delivery was tried so often."""
        until(lambda: len(self.deliveries()[0]["attempts"]) == times)

    def advance(self, by: str) -> None:
        assert self.http.post(f"{self.at}/clock", json={"advance": by}).status_code == 200


@pytest.fixture
def told(server: Running) -> Iterator[Told]:
    key = f"test_{uuid.uuid4().hex}"
    at, url = f"/_meterbox/accounts/hyperline/{key}", f"{server.url}/hyperline/v1"
    headers = {"authorization": f"Bearer {key}"}
    with (
        Receiver() as receiver,
        httpx.Client(base_url=server.url, trust_env=False) as http,
        httpx.Client(base_url=url, headers=headers, trust_env=False) as core,
    ):
        made = core.post("/webhooks/endpoints", json={"url": receiver.url}).json()
        shown = http.post(f"{at}/dashboard/webhooks", json={}).json()
        secret = shown["endpoints"][0]["secret"]
        yield Told(http, core, at, receiver, secret, made["id"])


def test_a_customer_is_told_of_and_the_message_verifies(told: Told) -> None:
    customer = told.core.post("/customers", json={"external_id": "acme", "name": "Zoë"}).json()
    assert told.message() == {"event_type": "customer.created", "data": customer}


def test_a_delivery_is_tried_again_after_a_500_under_the_same_id(told: Told) -> None:
    """hyperline.webhook.message-id"""
    told.receiver.answers[:] = [500]
    told.core.post("/customers", json={"external_id": "acme"})
    until(lambda: told.deliveries()[0]["attempts"])
    told.advance("5s")
    until(lambda: told.deliveries()[0]["outcome"] == "delivered")
    # Both verify, though the account's clock is ahead of the receiver's.
    assert [told.message(n)["event_type"] for n in range(2)] == ["customer.created"] * 2
    [message] = told.core.get("/webhooks/messages").json()["data"]
    sent = {got.headers["webhook-id"] for got in told.receiver.received}
    assert sent == {told.deliveries()[0]["message"], message["id"]}
    assert len(sent) == 1
    assert [a["status"] for a in told.deliveries()[0]["attempts"]] == [500, 200]


def test_after_eight_tries_a_delivery_has_failed(told: Told) -> None:
    told.receiver.answers[:] = [500] * 8
    told.core.post("/customers", json={})
    for number, wait in enumerate(["5s", "5m", "30m", "2h", "5h", "10h", "10h"], 1):
        told.tried(number)
        told.advance(wait)
    until(lambda: told.deliveries()[0]["outcome"] == "failed")
    assert len(told.receiver.received) == 8


def test_endpoints_that_are_told_the_same_are_told_it_by_one_id(told: Told) -> None:
    told.core.post("/webhooks/endpoints", json={"url": told.receiver.url})
    told.core.post("/customers", json={})
    got = until(lambda: told.receiver.received[1:2] and told.receiver.received)
    assert len({one.headers["webhook-id"] for one in got}) == 1
    assert len({one.headers["webhook-signature"] for one in got}) == 2


def test_a_secret_of_ones_own_verifies(told: Told) -> None:
    told.core.delete(f"/webhooks/endpoints/{told.endpoint}")
    told.secret = "b" * 34  # no padding, as some secrets have none
    body = {"url": told.receiver.url, "secret": told.secret}
    assert told.core.post("/webhooks/endpoints", json=body).status_code == 201
    told.core.post("/customers", json={})
    assert told.message()["event_type"] == "customer.created"


def test_a_test_goes_to_one_endpoint_or_to_all(told: Told) -> None:
    told.core.post("/webhooks/endpoints", json={"url": told.receiver.url})
    one = told.dashboard("send-test-webhook", event_type="a.b", endpoint_id=told.endpoint)
    assert one.json() == {"sent": 1}
    assert told.message() == {"event_type": "a.b", "data": {}}
    assert told.dashboard("send-test-webhook").json() == {"sent": 2}
    until(lambda: len(told.receiver.received) == 3)


def test_by_switch_an_attempt_is_stamped_with_the_accounts_time(told: Told) -> None:
    """hyperline.webhook.timestamp"""
    told.advance("2h")
    told.core.post("/customers", json={})
    assert told.message()["event_type"] == "customer.created"
    settings = {"hyperline.webhook.timestamp": "account"}
    assert told.http.patch(f"{told.at}/settings", json=settings).status_code == 200
    told.core.post("/customers", json={})
    stamp = int(until(lambda: told.receiver.received[1:2])[0].headers["webhook-timestamp"])
    assert abs(stamp - time.time() - 7200) < 300
    with pytest.raises(WebhookVerificationError, match="too new"):
        told.message(1)


def test_the_secret_is_shown_on_the_web_page_alone(told: Told) -> None:
    bare = told.secret.removeprefix("whsec_")
    mine = "c2VjcmV0" * 4
    told.core.post("/webhooks/endpoints", json={"url": told.receiver.url, "secret": mine})
    everything = [
        told.http.get(f"{told.at}/webhooks").text,
        *(
            told.http.get(f"/_meterbox/exchanges/{exchange['id']}").text
            for exchange in told.http.get(f"{told.at}/exchanges").json()["exchanges"]
        ),
        told.core.get("/webhooks/endpoints").text,
    ]
    assert len(everything) == 4
    assert not any(secret in text for text in everything for secret in (bare, mine))


def test_an_endpoint_has_fifteen_seconds(desk: Desk) -> None:
    """hyperline.webhook.timeout; that a target's seconds are heeded is the courier's own test"""
    desk.ask("POST", "/v1/webhooks/endpoints", json={"url": "http://127.0.0.1:9/"})
    assert [target.timeout for target in desk.account.webhooks.targets.values()] == [15.0]


def account() -> Account:
    return Account(create_room(read("hyperline")), "test_k", seed=0, source=lambda: NOW)


@pytest.mark.parametrize(
    "arguments",
    [{"endpoint_id": "ep_nobody"}, {"endpoint_id": []}, {"event_type": 7}, {"data": []}],
)
def test_what_the_web_page_cannot_do_is_told(arguments: dict[str, Any]) -> None:
    mine = account()
    with pytest.raises(BadValue):
        mine.room.dashboard["send-test-webhook"](mine, arguments, NOW)
    assert list(mine.state.messages) == []


def test_webhooks_do_not_change_the_ids_that_the_api_answers() -> None:
    told, untold = account(), account()
    told.room.dashboard["send-test-webhook"](told, {}, NOW)
    assert told.id() == untold.id()


def test_the_last_thousand_messages_are_kept() -> None:
    mine = account()
    for number in range(1_001):
        at = NOW + timedelta(seconds=number)
        mine.room.dashboard["send-test-webhook"](mine, {"data": {"n": number}}, at)
    kept = [sent.happening.data["n"] for sent in mine.state.messages]
    assert kept == list(range(1, 1_001))
