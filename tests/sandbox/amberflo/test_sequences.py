"""What one request after another comes to, where the second finds what the first has changed."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import pytest

from sandbox.amberflo.records import CANCEL
from tests.sandbox.amberflo.conftest import NOW, Desk

AT = int(NOW.timestamp()) * 1_000
RANGE = {"startTimeInSeconds": AT // 1_000, "endTimeInSeconds": AT // 1_000 + 3_600}


def record(id: str, value: float = 1, **more: Any) -> dict[str, Any]:
    whole = {"customerId": "acme", "meterApiName": "api_call", "meterTimeInMillis": AT}
    return {**whole, "uniqueId": id, "meterValue": value, **more}


def mark(id: str, value: float = 1, **dimensions: str) -> dict[str, Any]:
    return record(id, value, dimensions={**dimensions, CANCEL: "true"})


def ids(answer: dict[str, Any]) -> list[str]:
    place = answer["columns"].index("uniqueId")
    return [row[place] for row in answer["rows"]]


@pytest.fixture
def shop(open_desk: Callable[..., Desk]) -> Desk:
    """A desk with the customer acme."""
    desk = open_desk()
    desk.ask("PUT", "/customers", json={"customerId": "acme", "customerName": "Acme"})
    return desk


@pytest.mark.parametrize("ascending", ["true", "false"])
def test_a_cancellation_between_two_pages_hides_no_other_record(shop: Desk, ascending: str) -> None:
    shop.ask("POST", "/ingest", json=[record(id) for id in "abcd"])
    query = {"isAscending": ascending, "pageSize": "1"}
    page = shop.ask("GET", "/usage/events", params=query).json()
    seen = ids(page)
    shop.ask("POST", "/ingest", json=mark(seen[0]))
    while page["nextPageToken"] is not None:
        more = {**query, "nextPageToken": page["nextPageToken"]}
        page = shop.ask("GET", "/usage/events", params=more).json()
        seen += ids(page)
    assert seen == (list("abcd") if ascending == "true" else list("dcba"))


def test_a_limit_below_what_was_shown_leaves_no_more(shop: Desk) -> None:
    shop.ask("POST", "/ingest", json=[record(id) for id in "abcdefgh"])
    page = shop.ask("GET", "/usage/events", params={"pageSize": "3"}).json()
    query = {"pageSize": "3", "limit": "1", "nextPageToken": page["nextPageToken"]}
    page = shop.ask("GET", "/usage/events", params=query).json()
    assert (ids(page), page["nextPageToken"]) == ([], None)


@pytest.mark.parametrize("match", ["unique-id", "resource"])
def test_a_cancellation_finds_what_came_before_it_was_switched(shop: Desk, match: str) -> None:
    shop.ask("POST", "/ingest", json=[record("a", 5, dimensions={"host": "x"}), record("b", 2)])
    shop.account.set("amberflo.ingest.cancel-match", match)
    shop.ask("POST", "/ingest", json=record("c", 1))
    shop.ask("POST", "/ingest", json=mark("a", 7, host="x"))
    assert shop.billed() == {("acme", "api_call"): 3}


def test_a_deleted_customer_is_not_mistaken_for_one_without_its_slash(shop: Desk) -> None:
    shop.ask("PUT", "/customers", json={"customerId": "acme/", "customerName": "Acme"})
    answers = [shop.ask("DELETE", "/customers/acme%2F").json() for _ in range(2)]
    assert [answer.get("customerId") for answer in answers] == ["acme/", None]
    assert shop.ask("GET", "/customers/acme").json()["customerId"] == "acme"


def test_queries_that_look_at_very_many_records_are_refused_at_once(shop: Desk) -> None:
    """Rule amberflo.usage.work."""
    shop.ask("POST", "/ingest", json=[record(f"{n}") for n in range(5_000)])
    query = {"meterApiName": "api_call", "timeRange": RANGE, "groupBy": ["customerId"]}
    for path, asked in {
        "/usage/batch": [query] * 2_001,
        "/usage/sparse/batch": [query] * 2_001,
    }.items():
        began = process_time()
        answer = shop.ask("POST", path, json=asked)
        assert (answer.status_code, process_time() - began < 10) == (400, True)
    assert "10005000 records" in answer.json()["errorMessage"]
    assert shop.ask("POST", "/usage/batch", json=[query] * 3).status_code == 200
    other = {**query, "meterApiName": "other"}
    assert shop.ask("POST", "/usage/batch", json=[other] * 2_001).status_code == 200


def test_a_query_by_very_many_fields_is_refused_at_once(shop: Desk) -> None:
    shop.ask("POST", "/ingest", json=[record(f"{n}") for n in range(5_000)])
    fields = {f"d{n:05}": ["x"] for n in range(50_000)}
    query = {"meterApiName": "api_call", "timeRange": RANGE, "filter": fields}
    began = process_time()
    answer = shop.ask("POST", "/usage", json=query)
    assert (answer.status_code, process_time() - began < 5) == (400, True)
    assert "d00000 is no dimension" in answer.json()["errorMessage"]
