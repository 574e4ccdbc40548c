"""What an answer means: Segment's retry classes, Retry-After, and the words that are shown."""

from datetime import UTC, datetime, timedelta

import pytest

from translators.forwarding.outcome import Dead, Delivered, Retry, judge

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_delivered_where_the_contract_names_no_success(status: int) -> None:
    assert judge(status, {}, b"", now=NOW) == Delivered()


def test_a_2xx_that_the_contract_does_not_name_is_retried() -> None:
    """Rule segment.delivery.success."""
    assert judge(202, {}, b"queued", now=NOW, successes=[200]) == Retry(
        None, "202: queued (success is 200)", "RETRY"
    )


def test_a_2xx_that_the_contract_names_is_delivered() -> None:
    assert judge(201, {}, b"", now=NOW, successes=[200, 201]) == Delivered()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 505, 599])
def test_throttling_and_server_errors_are_retried(status: int) -> None:
    """Rule segment.delivery.retry."""
    assert judge(status, {}, b"wait", now=NOW) == Retry(None, f"{status}: wait", str(status))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (307, "307"),
        (400, "400|BAD_REQUEST"),
        (401, "401"),
        (403, "403"),
        (404, "404"),
        (408, "408"),
        (409, "409"),
        (410, "410"),
        (413, "413"),
        (422, "422"),
        (423, "423"),
        (501, "UNSUPPORTED_EVENT_TYPE"),
    ],
)
def test_other_statuses_are_dead_under_segments_code(status: int, code: str) -> None:
    """Rules segment.delivery.retry and segment.delivery.unsupported."""
    assert judge(status, {}, b"no", now=NOW) == Dead(f"{status}: no", code)


def after(value: str, **headers: str) -> timedelta | None:
    outcome = judge(503, {"retry-after": value, **headers}, b"", now=NOW)
    assert isinstance(outcome, Retry)
    return outcome.after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("30", 30),
        (" 1.5 ", 1.5),
        ("9" * 400, 86_400),
        ("Thu, 15 Jan 2026 12:02:00 GMT", 120),
        ("Thu, 15 Jan 2026 11:00:00 GMT", 0),
        ("Thu, 15 Jan 2099 12:00:00 GMT", 86_400),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_is_a_day_at_most(
    value: str, seconds: float
) -> None:
    assert after(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "soon", "-5", "nan", "1e3", "99 99 99"])
def test_a_retry_after_that_cannot_be_read_asks_for_nothing(value: str) -> None:
    assert after(value) is None


def test_a_retry_after_date_is_read_against_the_answers_own_date() -> None:
    later = "Sun, 01 Mar 2026 00:00:10 GMT"
    assert after(later, date="Sun, 01 Mar 2026 00:00:00 GMT") == timedelta(seconds=10)


def test_the_reason_is_the_message_of_a_json_answer() -> None:
    body = b'{"message": "Product not found", "statusCode": 404}'
    assert judge(404, {}, body, now=NOW) == Dead("404: Product not found", "404")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "(no body)"),
        (b'{"message": 5}', '{"message": 5}'),
        (b"[1]", "[1]"),
        (b"\xff", "\ufffd"),
        (b'{"message": "\\ud800"}', "?"),
        (b"[" * 100_000, "[" * 499 + "…"),
    ],
)
def test_the_reason_is_else_the_beginning_of_the_answer(body: bytes, told: str) -> None:
    assert judge(400, {}, body, now=NOW) == Dead(f"400: {told}", "400|BAD_REQUEST")
