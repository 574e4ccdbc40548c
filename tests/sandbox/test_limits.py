"""Rate limits count what the vendor counts, on the account's clock, once they are switched on."""

from datetime import timedelta

import pytest

from contracts.model import Limit
from sandbox.account import Account
from sandbox.limits import Windows
from tests.acme import NOW, usage
from tests.conftest import Ask

SECOND = timedelta(seconds=1)
LIMITS = (
    Limit(("ingest",), "requests", 2, 1),
    Limit(("ingest",), "events", 5, 60),
    Limit(("fetch",), "requests", 1, 1, mode="trial"),
)


def taken(
    windows: Windows, *events: int, endpoint: str = "ingest", mode: str = "live"
) -> list[str]:
    full = [windows.exceeded(endpoint, count, NOW, mode=mode) for count in events]
    return [f"{window.limit.most} {window.limit.counts}" if window else "ok" for window in full]


def test_requests_over_the_limit_are_told_which_limit() -> None:
    assert taken(Windows(LIMITS), 1, 1, 1) == ["ok", "ok", "2 requests"]


def test_events_are_counted_where_the_vendor_counts_events() -> None:
    assert taken(Windows(LIMITS), 5, 1) == ["ok", "5 events"]
    assert taken(Windows(LIMITS), 6) == ["5 events"]


def test_a_window_starts_anew_when_its_time_is_over() -> None:
    windows = Windows(LIMITS)
    taken(windows, 1, 1)
    assert windows.exceeded("ingest", 1, NOW + SECOND, mode="live") is None


def test_a_limit_of_another_endpoint_or_mode_does_not_count() -> None:
    windows = Windows(LIMITS)
    assert taken(windows, 0, 0, 0, endpoint="fetch") == ["ok"] * 3
    assert taken(windows, 0, 0, endpoint="fetch", mode="trial") == ["ok", "1 requests"]


@pytest.mark.parametrize(("into", "wait"), [(0, 60), (0.5, 60), (59, 1), (59.9, 1)])
def test_retry_after_is_whole_seconds_until_the_window_ends(into: float, wait: int) -> None:
    windows = Windows(LIMITS[1:2])
    at = NOW + timedelta(seconds=into)
    windows.exceeded("ingest", 5, at, mode="live")
    full = windows.exceeded("ingest", 1, at, mode="live")
    assert full is not None
    assert (full.retry_after(at), full.left) == (wait, 0)


def test_a_limit_is_off_until_it_is_asked_for(ask: Ask, account: Account) -> None:
    assert {
        ask("POST", "/acme/usage", json={"events": [usage()]}).status_code for _ in range(5)
    } == {200}
    account.set("acme.rate-limits", "live")
    told = [ask("POST", "/acme/usage", json={"events": [usage()]}) for _ in range(4)]
    assert [answer.status_code for answer in told] == [200, 200, 200, 429]
    assert told[-1].json() == {"error": "again in 1 s"}


def test_a_limited_request_is_explained_and_not_applied(ask: Ask, account: Account) -> None:
    account.set("acme.rate-limits", "live")
    assert ask("POST", "/acme/usage", json={"events": [usage(str(n)) for n in range(11)]}).is_error
    [told] = account.journal.after(0)
    assert [(f.rule, f.message) for f in told.findings] == [
        ("acme.rate-limits", "more than 10 events in 60 s (live)")
    ]
    assert account.ledger.totals() == []
