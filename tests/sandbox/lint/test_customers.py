"""Customers that nobody made known."""

import pytest

from sandbox.lint import customers
from tests.sandbox.lint.conftest import event, linter

UNKNOWN = "lint.customer.unknown"


def test_usage_of_a_customer_that_is_not_on_the_list_is_told(look):
    found = look(map(event, range(9)), customers=["acme-0", "acme-1"])
    assert list(found) == [UNKNOWN]
    assert found[UNKNOWN].count == 3
    assert found[UNKNOWN].message == ("nothing makes 'acme-2' known, of 3 customers with usage")
    assert found[UNKNOWN].rule is not None
    assert found[UNKNOWN].rule.id == "orb.ingest.unknown-external-customer"


def test_usage_of_known_customers_is_not_remarked(look):
    assert look(map(event, range(9)), customers=["acme-0", "acme-1", "acme-2"]) == {}


def test_without_anything_known_it_is_said_that_nothing_was_compared(look):
    looking = linter()
    looking.look(event(1), "e", 1)
    assert looking.causes() == []
    assert looking.unjudged()[0].startswith("customers were not compared with any")


@pytest.mark.parametrize("first", [True, False])
def test_whoever_is_identified_in_the_stream_is_known_whenever_that_is(look, first: bool):
    at = "2026-01-15T12:00:00.5Z"
    usage = [
        {"type": "track", "messageId": m, "userId": m, "event": "e", "timestamp": at}
        for m in ("a", "b", "c")
    ]
    named = [{"type": "identify", "userId": "a"}, {"type": "group", "groupId": "b", "userId": "x"}]
    bodies = [*named, *usage] if first else [*usage, *named]
    found = look(bodies, vendor="segment", endpoint="batch")
    assert "nothing makes 'c' known" in found[UNKNOWN].message


def test_a_batch_holds_both(look):
    at = "2026-01-15T12:00:00.5Z"
    track = {"type": "track", "messageId": "m", "userId": "u", "event": "e", "timestamp": at}
    batch = {"batch": [track, {"type": "identify", "userId": "v"}]}
    found = look([batch], vendor="segment", endpoint="batch")
    assert str(found[UNKNOWN].places[0]) == "e.ndjson:1: $.batch[0].userId"


def test_more_customers_than_there_is_room_for_are_not_compared(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(customers, "MOST", 2)
    looking = linter(customers=["acme-0"])
    for n in range(3):
        looking.look(event(n), "e", n)
    assert looking.causes() == []
    assert looking.unjudged() == ["customers were not compared: there are more than 2"]


def test_more_known_customers_than_there_is_room_for_are_not_compared(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(customers, "MOST", 1)
    looking = linter()
    for id in ("a", "a", "b"):
        looking.know(id)
    looking.look(event(1), "e", 1)
    assert looking.causes() == []
    assert looking.unjudged() == ["customers were not compared: there are more than 1"]


def test_the_beginning_of_a_long_id_is_shown(look):
    found = look([event(1, external_customer_id="x" * 1_000)], customers=["acme"])
    assert f"nothing makes {'x' * 80!r} known" in found[UNKNOWN].message
