"""Times: what is found, and what is not."""

import pytest

from tests.sandbox.lint.conftest import event

NO_ZONE, FUTURE = "lint.time.no-zone", "lint.time.future"
LATE, MIDNIGHT = "lint.time.late", "lint.time.midnight"


def at(*times: object) -> list[dict]:
    return [event(n, timestamp=time) for n, time in enumerate(times)]


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-15T12:00:00Z",
        "2026-01-15t12:00:00.123z",
        "2026-01-15T14:00:00+02:00",
        "2026-01-15T01:00:01Z",
        "2026-01-15T13:04:59Z",
        "no time at all",
        "0001-01-01T00:00:00+14:00",
        True,
        None,
        {},
    ],
)
def test_a_time_within_the_vendors_bounds_or_none_at_all_is_not_remarked(look, time: object):
    assert look(at(time)) == {}


def test_times_without_a_zone_are_told_once(look):
    found = look(at("2026-01-15T12:00:00", "2026-01-15 12:00:01", "2026-01-15T12:00:02Z"))
    assert list(found) == [NO_ZONE]
    assert found[NO_ZONE].count == 2
    assert found[NO_ZONE].places[0].path == "$.timestamp"


def test_the_future_begins_where_the_vendor_says(look):
    found = look(at("2026-01-15T13:05:01Z", "2026-01-17t14:00:00z", "2026-01-15T12:00:00Z"))
    assert list(found) == [FUTURE]
    assert found[FUTURE].count == 2
    assert found[FUTURE].message == "the time is up to 2d ahead of 2026-01-15T13:00:00.000Z"
    assert found[FUTURE].rule is not None
    assert found[FUTURE].rule.id == "orb.ingest.future-limit"


def test_where_the_vendor_sets_no_limit_clocks_may_be_minutes_apart(look):
    def record(millis: int) -> dict:
        named = {"uniqueId": str(millis), "customerId": "c", "meterApiName": "m"}
        return {**named, "meterValue": 1, "meterTimeInMillis": millis}

    now = 1_768_482_000_000
    assert look([record(now + 290_000), record(now - 10**11)], vendor="amberflo") == {}
    assert list(look([record(now + 310_000)], vendor="amberflo")) == [FUTURE]


def test_what_is_older_than_the_vendor_takes_is_told_as_of_when(look):
    found = look(at("2026-01-15T00:59:59Z", "2026-01-06T12:00:00Z", "2026-01-15T12:00:00Z"))
    assert list(found) == [LATE]
    cause = found[LATE]
    assert (cause.level, cause.count) == ("warning", 2)
    assert cause.message == (
        "older than the 12h that Orb takes: up to 9d, as of 2026-01-15T13:00:00.000Z"
    )
    assert cause.rule is not None
    assert cause.rule.id == "orb.ingest.grace-period"


def test_where_all_events_are_late_it_may_be_the_file_that_is_old(look):
    found = look(at("2026-01-15T12:00:00Z", "2026-01-15T12:00:01Z"), now="2026-11-21T12:00:00Z")
    assert found[LATE].level == "note"
    assert "up to 310d" in found[LATE].message
    assert found[LATE].message.endswith("if they were recorded earlier, say when with --now")


def test_where_the_vendor_names_no_age_nothing_is_late(look):
    track = {"type": "track", "event": "e", "userId": "u", "timestamp": "2016-01-15T12:00:00.1Z"}
    assert look([{**track, "messageId": "m"}], vendor="kana", endpoint="segment-events") == {}


def test_many_events_at_midnight_are_told_with_the_zone_it_is_midnight_in(look):
    days = [f"2026-01-{15 - n % 2}T00:00:00Z" for n in range(20)]
    assert "exactly 00:00:00 UTC, which is midnight in UTC" in look(at(*days))[MIDNIGHT].message
    india = [f"2026-01-1{4 - n % 2}T18:30:00Z" for n in range(20)]
    assert "midnight at +05:30" in look(at(*india))[MIDNIGHT].message
    paris = [f"2026-01-1{4 + n % 2}T00:00:00+01:00" for n in range(20)]
    assert "exactly 23:00:00 UTC, which is midnight at +01:00" in look(at(*paris))[MIDNIGHT].message
    pacific = [f"2026-01-1{4 + n % 2}T12:00:00Z" for n in range(20)]
    assert "midnight at -12:00 and +12:00" in look(at(*pacific))[MIDNIGHT].message


@pytest.mark.parametrize(
    "times",
    [
        ["2026-01-15T12:00:00Z"] * 20,  # one noon
        ["2026-01-15T00:00:00Z"] * 9,
        [f"2026-01-15T{n % 13:02}:00:00Z" for n in range(60)],  # sums by the hour
        [f"2026-01-15T0{n % 3}:15:00Z" for n in range(60)],
        ["2026-01-15T00:00:00Z"] * 20 + [f"2026-01-15T11:00:{n:02}Z" for n in range(50)],
    ],
)
def test_few_events_at_midnight_or_all_at_one_noon_are_chance(look, times: list[str]):
    assert MIDNIGHT not in look(at(*times))
