"""Orb's rate limits: three kinds of account, three classes of request, every endpoint in one."""

import pytest

from contracts.model import Endpoint
from contracts.reader import read
from sandbox.limits import Windows
from tests.acme import NOW

ORB = read("orb")
# most requests in a second, by kind of account: docs.withorb.com/api-reference/rate-limits
INGEST = {"live": 100, "test": 10, "trial": 2}
WRITE = {"live": 50, "test": 5, "trial": 1}
READ = {"live": 100, "test": 50, "trial": 10}
EVENTS = {"live": 10_000, "test": 2_000, "trial": 100}


def most(endpoint: Endpoint) -> dict[str, int]:
    if endpoint.name == "ingest":
        return INGEST
    return READ if endpoint.method == "GET" else WRITE


@pytest.mark.parametrize("mode", ["live", "test", "trial"])
@pytest.mark.parametrize("endpoint", ORB.endpoints, ids=lambda endpoint: endpoint.name)
def test_an_endpoint_takes_so_many_requests_a_second_and_no_more(endpoint: Endpoint, mode: str):
    windows = Windows(ORB.limits)
    full = [windows.exceeded(endpoint.name, 0, NOW, mode=mode) for _ in range(201)]
    assert full.index(next(window for window in full if window)) == most(endpoint)[mode]


@pytest.mark.parametrize("mode", ["live", "test", "trial"])
def test_so_many_events_are_taken_a_minute_and_no_more(mode: str):
    windows = Windows(ORB.limits)
    assert windows.exceeded("ingest", EVENTS[mode], NOW, mode=mode) is None
    full = windows.exceeded("ingest", 1, NOW, mode=mode)
    assert full is not None
    assert full.limit.counts == "events"


def test_writes_share_a_limit_and_reads_share_another():
    windows = Windows(ORB.limits)
    assert windows.exceeded("create-customer", 0, NOW, mode="trial") is None
    assert windows.exceeded("update-metric", 0, NOW, mode="trial") is not None
    assert windows.exceeded("list-metrics", 0, NOW, mode="trial") is None
