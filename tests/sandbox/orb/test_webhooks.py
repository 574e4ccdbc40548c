"""Orb's webhooks, read and verified by the official client."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import orb
import orb.resources.webhooks.webhooks as verifier
import pytest

from contracts.model import BadValue
from contracts.reader import read
from sandbox.account import Account
from sandbox.orb.app import create_room
from sandbox.orb.happenings import Happening
from sandbox.orb.webhooks import envelope, signature, waits
from sandbox.server import Running
from tests.acme import NOW
from tests.sandbox.receiver import Receiver
from tests.waiting import until

SECRET = "c-UGKYdnhHh436B_sMouYAPUvXyWpzOdunZBV5dFSD8"
STAMP = "2024-03-27T15:42:29.551"
AT = datetime(2024, 3, 27, 15, 42, 29, 551_000, tzinfo=UTC)
TEST = Happening(
    "resource_event.test", AT, None, {"message": "A test webhook from Orb. Happy testing!"}
)
EXPANDED = envelope("o4mmewpfNNTnjfZc", TEST, "expanded")
BEFORE_STYLES = EXPANDED.replace(b'"payload_style": "expanded", ', b"")
VECTORS = [
    (EXPANDED, "34c51e7436aca75f9c6799d3e1e5a0066265d8e5512df552aaa7e8464f2b8454"),
    (BEFORE_STYLES, "9d25de966891ab0bc18754faf8d83d0980b44ae330fcc130b41a6cf3daf1f391"),
]


def frozen(patch: pytest.MonkeyPatch, at: datetime) -> None:
    """The official verifier's clock stands still."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # the verifier's datetime
            return at.astimezone(tz)

    patch.setattr(verifier, "datetime", Then)


@pytest.mark.parametrize(("body", "signed"), VECTORS, ids=["today", "before payload styles"])
def test_the_published_vectors_verify_with_the_official_verifier(
    body: bytes, signed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert signature(SECRET, STAMP, body) == f"v1={signed}"
    frozen(monkeypatch, AT)
    client = orb.Orb(api_key="k", webhook_secret=SECRET)
    headers = {"X-Orb-Timestamp": STAMP, "X-Orb-Signature": signature(SECRET, STAMP, body)}
    event = client.webhooks.unwrap(body, headers)
    assert (event.id, event.type) == ("o4mmewpfNNTnjfZc", "resource_event.test")
    with pytest.raises(ValueError, match="None of the given webhook signatures match"):
        client.webhooks.verify_signature(body + b" ", headers)


def test_the_body_is_the_vector_to_the_letter() -> None:
    assert EXPANDED.decode() == (
        '{"id": "o4mmewpfNNTnjfZc", "created_at": "2024-03-27T15:42:29+00:00", '
        '"type": "resource_event.test", "payload_style": "expanded", '
        '"properties": {"message": "A test webhook from Orb. Happy testing!"}}'
    )


@dataclass
class Told:
    """An account on a real port that tells a receiver on another."""

    client: orb.Orb
    http: httpx.Client
    at: str
    receiver: Receiver
    secret: str
    endpoint: str

    def unwrap(self, number: int) -> Any:
        got = until(lambda: self.receiver.received[number : number + 1])[0]
        return self.client.webhooks.unwrap(got.body, got.headers, secret=self.secret)

    def dashboard(self, name: str, **arguments: Any) -> httpx.Response:
        return self.http.post(f"{self.at}/dashboard/{name}", json=arguments)

    def deliveries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(f"{self.at}/webhooks").json()["deliveries"]
        return found


@pytest.fixture
def told(server: Running) -> Iterator[Told]:
    key = uuid.uuid4().hex
    with (
        Receiver() as receiver,
        httpx.Client(base_url=server.url, trust_env=False) as http,
        orb.Orb(
            api_key=key,
            base_url=f"{server.url}/orb/v1",
            max_retries=0,
            _strict_response_validation=True,
        ) as client,
    ):
        made = client.webhook_endpoints.create(url=receiver.url)
        at = f"/_meterbox/accounts/orb/{key}"
        yield Told(client, http, at, receiver, made.secret, made.id)


def test_the_official_client_keeps_endpoints(told: Told) -> None:
    endpoints = told.client.webhook_endpoints
    second = endpoints.create(
        url=told.receiver.url, enabled_event_types=["customer.edited"], payload_style="standard"
    )
    assert [e.id for e in endpoints.list(limit=1)] == [second.id, told.endpoint]
    assert endpoints.retrieve(second.id).enabled_event_types == ["customer.edited"]
    assert endpoints.update(second.id, enabled_event_types=None).enabled_event_types is None
    assert endpoints.disable(second.id).enabled is False
    assert endpoints.enable(second.id).enabled is True
    endpoints.delete(second.id)
    with pytest.raises(orb.ResourceNotFound):
        endpoints.retrieve(second.id)


def test_what_happens_is_told_and_unwraps_to_its_type(told: Told) -> None:
    customer = told.client.customers.create(name="Acme", email="billing@acme.test")
    created = told.unwrap(0)
    assert isinstance(created, orb.types.CustomerCreatedWebhookEvent)
    assert (created.customer.id, created.payload_style) == (customer.id, "expanded")
    told.client.customers.update(customer.id, name="Acme Ltd")
    edited = told.unwrap(1)
    assert isinstance(edited, orb.types.CustomerEditedWebhookEvent)
    assert edited.properties.previous_attributes.name == "Acme"


def test_an_event_of_nobody_is_told(told: Told) -> None:
    event = {
        "event_name": "api_call",
        "timestamp": datetime.now(UTC).isoformat(),
        "idempotency_key": "k1",
        "external_customer_id": "nobody",
        "properties": {"region": "eu"},
    }
    told.client.events.ingest(events=[event])  # type: ignore[list-item]  # as JSON has it
    unmatched = told.unwrap(0)
    assert isinstance(unmatched, orb.types.EventUnmatchedEventWebhookEvent)
    assert unmatched.properties.event.idempotency_key == "k1"
    assert unmatched.properties.event.properties == {"region": "eu"}


def test_usage_of_nobody_that_a_backfill_brings_is_told_once(told: Told) -> None:
    frame = {"timeframe_start": "2026-01-01T00:00:00Z", "timeframe_end": "2026-01-02T00:00:00Z"}
    backfill = told.client.events.backfills.create(**frame)  # type: ignore[arg-type]  # as JSON has it
    event = {
        "event_name": "api_call",
        "timestamp": "2026-01-01T12:00:00Z",
        "idempotency_key": "k1",
        "external_customer_id": "nobody",
        "properties": {},
    }
    told.client.events.ingest(events=[event], backfill_id=backfill.id)  # type: ignore[list-item]  # as JSON has it
    told.client.events.backfills.close(backfill.id)
    told.client.events.backfills.revert(backfill.id)
    told.client.top_level.ping()
    until(lambda: len(told.receiver.received) == 3)
    types = [told.unwrap(number).type for number in range(3)]
    assert sorted(types) == ["backfill.reflected", "backfill.reverted", "event.unmatched_event"]


def test_a_standard_endpoint_is_told_in_its_style(told: Told) -> None:
    told.client.webhook_endpoints.update(told.endpoint, payload_style="standard")
    told.client.customers.create(name="Acme", email="billing@acme.test")
    [got] = until(lambda: told.receiver.received)
    webhooks = told.client.webhooks
    event = webhooks.unwrap_standard(got.body, got.headers, secret=told.secret)
    assert (event.type, event.payload_style) == ("customer.created", "standard")


def test_a_delivery_is_tried_again_after_a_500_and_sent_again_when_asked(told: Told) -> None:
    told.receiver.answers[:] = [500]
    told.dashboard("send-test-webhook")
    until(lambda: told.deliveries()[0]["attempts"])
    told.http.post(f"{told.at}/clock", json={"advance": "1m"})
    until(lambda: told.deliveries()[0]["outcome"] == "delivered")
    again = told.http.post(f"{told.at}/webhooks/resend", json={"delivery": 1})
    assert again.json() == {"delivery": 2}
    # All three verify, though the account's clock is a minute ahead of the receiver's.
    assert {told.unwrap(number).id for number in range(3)} == {told.deliveries()[0]["message"]}
    assert [a["status"] for a in told.deliveries()[0]["attempts"]] == [500, 200]


def test_a_backfill_that_closes_as_the_clock_turns_is_told_at_once(told: Told) -> None:
    backfill = told.client.events.backfills.create(
        timeframe_start="2026-01-01T00:00:00Z", timeframe_end="2026-01-02T00:00:00Z"
    )
    told.http.post(f"{told.at}/clock", json={"advance": "25h"})
    reflected = told.unwrap(0)
    assert isinstance(reflected, orb.types.BackfillReflectedWebhookEvent)
    assert (reflected.backfill.id, reflected.backfill.status) == (backfill.id, "reflected")


def test_the_secret_is_told_once_and_shown_nowhere(told: Told) -> None:
    everything = [
        told.http.get(f"{told.at}/webhooks").text,
        *(
            told.http.get(f"/_meterbox/exchanges/{exchange['id']}").text
            for exchange in told.http.get(f"{told.at}/exchanges").json()["exchanges"]
        ),
        told.client.webhook_endpoints.retrieve(told.endpoint).to_json(),
    ]
    assert len(everything) == 3
    assert not any(told.secret in text for text in everything)


def test_a_person_adds_an_endpoint_on_the_web_page(told: Told) -> None:
    added = told.dashboard("add-webhook-endpoint", url=told.receiver.url).json()
    assert len(added["secret"]) == 43
    assert told.dashboard("send-test-webhook", endpoint_id=added["id"]).json() == {"sent": 1}
    [got] = until(lambda: told.receiver.received)
    told.client.webhooks.unwrap(got.body, got.headers, secret=added["secret"])


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("add-webhook-endpoint", {}, "'url' is a required property"),
        ("add-webhook-endpoint", {"url": 7}, "$.url: 7 is not of an endpoint"),
        ("add-webhook-endpoint", {"url": "http://a", "secret": "x"}, "was unexpected"),
        ("send-test-webhook", {"endpoint_id": "nobody"}, "the id of a webhook endpoint"),
        ("send-test-webhook", {"endpoint_id": []}, "the id of a webhook endpoint"),
    ],
)
def test_what_the_web_page_cannot_do_is_told(
    told: Told, name: str, arguments: dict[str, Any], said: str
) -> None:
    answer = told.dashboard(name, **arguments)
    assert (answer.status_code, said in answer.text) == (400, True), answer.text


def account() -> Account:
    return Account(create_room(read("orb")), "k", seed=0, source=lambda: NOW)


def test_the_web_page_has_no_more_endpoints_than_the_api() -> None:
    mine = account()
    mine.set("orb.webhook-endpoint.most", 0)
    with pytest.raises(BadValue, match="at most 0 webhook endpoints"):
        mine.room.dashboard["add-webhook-endpoint"](mine, {"url": "http://127.0.0.1/"}, NOW)


def test_endpoints_do_not_change_the_ids_that_the_api_answers() -> None:
    told, untold = account(), account()
    told.room.dashboard["send-test-webhook"](told, {}, NOW)
    assert told.id() == untold.id()


@pytest.mark.parametrize(("retries", "count"), [(0, 0), (1, 1), (10**12, 50)])
def test_no_number_of_retries_is_too_odd(retries: int, count: int) -> None:
    mine = account()
    mine.set("orb.webhook.retries", retries)
    mine.set("orb.webhook.retry-after", "3660d")
    assert len(waits(mine.settings)) == count


def test_happenings_do_not_pile_up_where_nobody_is_told() -> None:
    mine = account()
    mine.state.happenings.append(TEST)
    mine.collect(None, NOW)
    assert (mine.state.happenings, list(mine.webhooks.deliveries)) == ([], [])


def test_messages_are_the_same_json_as_ever() -> None:
    body = envelope("i", Happening("customer.created", AT, {"name": "Zoë"}), "expanded")
    assert b'"customer": {"name": "Zo\\u00eb"}' in body
    assert json.loads(body)["customer"] == {"name": "Zoë"}
