"""The endpoints Segment would call at a partner: raw events in, Segment's own statuses out."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.app import Options, create_app
from sandbox.clock import iso, wall
from sandbox.server import Running

SETTINGS = {"externalCustomerIdField": "userId", "propertiesMappingFields": {"amount": "amount"}}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Running(create_app()) as server:
        yield server.url


def event(**changes: Any) -> dict[str, Any]:
    """A track call as Segment delivers it."""
    return {
        "type": "track",
        "event": "payment_confirmed",
        "userId": "acme",
        "messageId": "m-1",
        "timestamp": iso(wall()),
        "properties": {"amount": 100},
        **changes,
    }


def deliver(
    url: str, vendor: str, key: str, body: Any, settings: Any = None, **headers: str
) -> httpx.Response:
    if settings is not None:
        encoded = base64.b64encode(json.dumps(settings).encode()).decode()
        headers["x-segment-settings"] = encoded
    auth = httpx.BasicAuth(key, "")
    path = f"{url}/segment/destinations/{vendor}"
    return httpx.post(path, json=body, headers=headers, auth=auth)


def ledger(url: str, vendor: str, key: str) -> Any:
    return httpx.get(f"{url}/_meterbox/accounts/{vendor}/{key}/ledger").json()


def test_an_event_is_translated_and_applied_at_the_vendor(url):
    answer = deliver(url, "orb", "partner-1", event(), SETTINGS)
    assert (answer.status_code, answer.json()) == (200, {})
    entry = ledger(url, "orb", "partner-1")["entries"][0]
    assert (entry["event"], entry["customer"], entry["outcome"]) == ("m-1", "acme", "unmatched")
    assert answer.headers["x-meterbox-exchange"] == entry["exchange"]


def test_top_level_keys_come_in_any_casing(url):
    body = event()
    body["USERID"] = body.pop("userId")
    body["message_id"] = body.pop("messageId")
    assert deliver(url, "orb", "partner-2", body, SETTINGS).status_code == 200
    assert ledger(url, "orb", "partner-2")["entries"][0]["event"] == "m-1"


def test_a_type_the_vendor_does_not_take_is_501_with_its_rule(url):
    answer = deliver(url, "orb", "partner-3", event(type="identify"), SETTINGS)
    assert answer.status_code == 501
    assert answer.json() == {"message": "Orb's destination takes track calls, not identify"}
    told = httpx.get(f"{url}/_meterbox/exchanges/{answer.headers['x-meterbox-exchange']}").json()
    assert [finding["rule"] for finding in told["findings"]] == ["orb.segment.track"]


def test_a_mapping_that_is_not_text_is_400(url):
    wrong = {**SETTINGS, "propertiesMappingFields": {"amount": 1}}
    answer = deliver(url, "orb", "partner-4", event(), wrong)
    assert answer.status_code == 400
    assert answer.json() == {"message": "Request validation error"}
    told = httpx.get(f"{url}/_meterbox/exchanges/{answer.headers['x-meterbox-exchange']}").json()
    assert told["findings"][0]["message"].startswith("propertiesMappingFields: 'amount': 1")


def test_the_vendors_refusal_is_passed_on_as_400(url):
    answer = deliver(url, "orb", "partner-5", event(properties={"amount": None}), SETTINGS)
    assert answer.status_code == 400
    assert "None is not of type 'number', 'string', 'boolean'" in answer.json()["message"]


def test_a_bad_key_is_401(url):
    assert deliver(url, "orb", "bad_key", event(), SETTINGS).status_code == 401


def test_a_body_that_is_no_event_is_400(url):
    assert deliver(url, "orb", "partner-6", ["x"], SETTINGS).status_code == 400
    assert deliver(url, "orb", "partner-6", event(), SETTINGS).status_code == 200


def test_settings_that_cannot_be_read_are_400(url):
    answer = deliver(url, "orb", "partner-7", event(), **{"x-segment-settings": "%%%"})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("X-Segment-Settings")


def test_a_refusal_is_kept_over_a_restart(tmp_path):
    """Else the exchanges after it would get other ids than they had."""
    made = Options(vendors=["orb", "segment"], data_dir=tmp_path)
    with Running(create_app(made)) as server:
        refused = deliver(server.url, "orb", "kept", event(type="identify"), SETTINGS)
        taken = deliver(server.url, "orb", "kept", event(), SETTINGS)
    again = create_app(made)
    for answer, status in ((refused, 501), (taken, 200)):
        told = again.accounts.exchange(answer.headers["x-meterbox-exchange"])
        assert told is not None
        assert told.reply.status == status


def test_another_method_is_405(url):
    answer = httpx.get(f"{url}/segment/destinations/orb")
    assert (answer.status_code, list(answer.json())) == (405, ["message"])


def test_a_fault_of_the_vendor_is_503(url):
    """Rule segment.delivery.partner-status."""
    faults = f"{url}/_meterbox/accounts/orb/partner-8/faults"
    assert httpx.post(faults, json={"kind": "lost-reply"}).status_code == 200
    assert deliver(url, "orb", "partner-8", event(), SETTINGS).status_code == 503
    assert deliver(url, "orb", "partner-8", event(), SETTINGS).status_code == 200
    outcomes = [entry["outcome"] for entry in ledger(url, "orb", "partner-8")["entries"]]
    assert outcomes == ["unmatched", "duplicate"]


@pytest.mark.parametrize(
    ("vendor", "key", "method"),
    [("amberflo", "p", "POST"), ("kana", "prv_test_p", "POST")],
)
def test_every_partner_takes_a_track_call(url, vendor, key, method):
    answer = deliver(url, vendor, key, event())
    assert answer.status_code == 200
    assert [e["usage"] if "usage" in e else e["event"] for e in ledger(url, vendor, key)["entries"]]
