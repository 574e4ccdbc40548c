"""Keys: what is found, and what is not."""

from itertools import chain, repeat

import pytest

from sandbox.lint import keys
from tests.sandbox.lint.conftest import event, linter

DIFFERENT, CONSTANT = "lint.key.different-body", "lint.key.constant"
ATTEMPT, MISSING = "lint.key.per-attempt", "lint.key.missing"


def test_events_with_keys_of_their_own_are_as_they_should_be(look):
    assert look(map(event, range(100))) == {}


def test_a_repetition_is_none_though_it_is_stamped_and_spelled_anew(look):
    again = dict(reversed(event(1).items())) | {"timestamp": "2026-01-15T12:00:01.001+00:00"}
    again["properties"] = dict(reversed(again["properties"].items()))
    track = {"type": "track", "messageId": "m", "userId": "u", "event": "e"}
    track |= {"timestamp": "2026-01-15T12:00:00Z"}
    sent = [{**track, "sentAt": f"2026-01-15T12:00:0{n}Z"} for n in range(3)]
    assert look([event(1), again]) == {}
    assert look(sent, vendor="segment", endpoint="batch") == {}


def test_one_key_with_different_bodies_is_told_once_with_the_vendors_rule(look):
    other = event(1, properties={"region": "us-east-1", "tokens": 99})
    found = look([event(1), event(2), other, event(2, event_name="other")])
    cause = found.pop(DIFFERENT)
    assert found == {}
    assert (cause.level, cause.count, cause.more) == ("error", 2, 0)
    assert [str(spot) for spot in cause.places] == [
        "e.ndjson:3: $.idempotency_key",
        "e.ndjson:4: $.idempotency_key",
    ]
    assert cause.message == (
        "an earlier event with another body has the same key (2 keys): "
        "only the first of them is billed"
    )
    assert cause.rule is not None
    assert cause.rule.id == "orb.ingest.duplicate"


def test_where_the_last_one_counts_it_is_no_error(look):
    def record(value: int, kind: str = "call") -> dict:
        at = "2026-01-15T12:00:00.123Z"
        record = {"id": "r-1", "value": value}
        return {"customer_id": "c", "event_type": kind, "timestamp": at, "record": record}

    found = look([record(1), record(2), record(3, "other")], vendor="hyperline")
    assert (found[DIFFERENT].level, found[DIFFERENT].count) == ("warning", 1)
    assert "only the last of them is billed" in found[DIFFERENT].message


def test_where_each_one_counts_that_is_said(look):
    record = {"uniqueId": "u", "customerId": "c", "meterApiName": "m", "meterTimeInMillis": 1}
    found = look([{**record, "meterValue": n} for n in (1, 2)], vendor="amberflo")
    assert "each of them is billed" in found[DIFFERENT].message


def test_a_key_that_is_the_same_for_many_events_is_another_matter(look):
    bodies = [event(n, idempotency_key=f"job-{n % 2}") for n in range(40)]
    found = look([*bodies, event(50), event(50, event_name="other")])
    assert found[CONSTANT].count == 38
    assert "(2 keys)" in found[CONSTANT].message
    assert found[DIFFERENT].count == 1


def test_a_key_that_is_the_customer_is_told(look):
    found = look([event(n, idempotency_key="acme", external_customer_id="acme") for n in (1, 2)])
    assert list(found) == [CONSTANT]
    assert "the customer's own id" in found[CONSTANT].message


def test_the_same_event_under_another_key_is_told(look):
    bodies = chain([event(1)], (event(1, idempotency_key=f"try-{n}") for n in range(5)))
    found = look(bodies)
    assert list(found) == [ATTEMPT]
    assert (found[ATTEMPT].level, found[ATTEMPT].count) == ("warning", 5)


def test_a_key_among_the_properties_makes_no_other_event_of_it(look):
    named = {"customer_id": "c", "event_type": "e", "timestamp": "2026-01-15T12:00:00.123Z"}
    found = look(({**named, "record": {"id": n, "value": 1}} for n in "ab"), vendor="hyperline")
    assert list(found) == [ATTEMPT]


def test_another_customer_time_name_or_property_is_another_event(look):
    others = [
        event(1, idempotency_key="a", external_customer_id="other"),
        event(1, idempotency_key="b", timestamp="2026-01-15T12:00:01.002Z"),
        event(1, idempotency_key="c", event_name="other"),
        event(1, idempotency_key="d", properties={"region": "us-east-1", "tokens": 2}),
    ]
    assert look([event(1), *others]) == {}


def test_events_without_a_key_are_told_and_not_compared(look):
    record = {"customerId": "c", "meterApiName": "m", "meterTimeInMillis": 1, "meterValue": 1}
    found = look([record, {**record, "uniqueId": ""}], vendor="amberflo")
    assert list(found) == [MISSING]
    assert (found[MISSING].count, str(found[MISSING].places[0])) == (2, "e.ndjson:1: $")


def test_a_million_repetitions_are_one_finding_with_three_places(look):
    found = look(chain([event(1)], repeat(event(1, event_name="other"), 1_000)))
    (cause,) = found.values()
    assert (cause.count, len(cause.places), cause.more) == (1_000, 3, 997)


def test_what_is_no_text_is_compared_as_it_is(look):
    def record(id: object, value: int) -> dict:
        record = {"id": id, "value": value, "large": 2**70}
        at = "2026-01-15T12:00:00.123Z"
        return {"customer_id": "c", "event_type": "e", "timestamp": at, "record": record}

    bodies = [record(7, 1), record(7, 2), record({"a": 1}, 3), record([], 4)]
    assert look(bodies, vendor="hyperline")[DIFFERENT].count == 1
    odd = [event(1, external_customer_id=["a"]), event(1, external_customer_id=["b"])]
    assert look(odd)[DIFFERENT].count == 1


def test_no_more_keys_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keys.Keys.__init__, "__defaults__", (10,))
    looking = linter()
    for n in range(25):
        looking.look(event(n), "e", n)
    looking.look(event(3, event_name="other"), "e", 26)
    assert [cause.advice.id for cause in looking.causes()] == [DIFFERENT]
    assert looking.unjudged()[0] == (
        "15 events were not compared by key: 10 keys before them are as many as are kept"
    )


def test_no_more_clashes_are_told_apart_than_there_is_room_for(
    look, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(keys, "CLASHING", 5)
    found = look(chain(map(event, range(9)), (event(n, event_name="other") for n in range(9))))
    assert found[DIFFERENT].count == 9
    assert "(over 5 keys)" in found[DIFFERENT].message
