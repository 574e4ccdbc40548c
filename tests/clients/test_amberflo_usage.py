"""Amberflo's own Python client asks for usage, unmodified but for its root URL."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from metering.exceptions import ApiError
from metering.ingest import IngestApiClient, create_ingest_payload
from metering.usage import (
    AggregationType,
    Take,
    TimeGroupingInterval,
    TimeRange,
    UsageApiClient,
    create_all_usage_query,
    create_usage_query,
)

from sandbox.server import Running

DAY = 1619395200  # 2021-04-26T00:00:00Z


@pytest.fixture
def usage(server: Running, key: str) -> Iterator[UsageApiClient]:
    client = UsageApiClient(key)
    client.client.root_url = f"{server.url}/amberflo"
    yield client
    client.client.session.close()


@pytest.fixture
def ingested(server: Running, key: str) -> None:
    """0.1 and 0.2 of acme, and 5 of bolt the day after."""
    client = IngestApiClient(key)
    client.client.root_url = f"{server.url}/amberflo"
    sent = [("acme", 0.1, 0), ("acme", 0.2, 3_600), ("bolt", 5, 86_400)]
    client.send(
        [
            create_ingest_payload(
                meter_api_name="my meter",
                meter_value=value,
                meter_time_in_millis=(DAY + later) * 1_000,
                customer_id=customer,
                dimensions={"region": "us-east-1"},
            )
            for customer, value, later in sent
        ]
    )
    client.client.session.close()


def query(**more: object) -> object:
    return create_usage_query(
        **{
            "aggregation": AggregationType.SUM,
            "meter_api_name": "my meter",
            "time_grouping_interval": TimeGroupingInterval.DAY,
            "time_range": TimeRange(DAY, DAY + 2 * 86_400),
            **more,
        }
    )


@pytest.mark.usefixtures("ingested")
def test_a_report_has_the_groups_and_slots_it_asks_for(usage: UsageApiClient) -> None:
    report = usage.get(query(group_by=["customerId"], take=Take(10)))
    assert set(report) == {"metadata", "secondsSinceEpochIntervals", "clientMeters"}
    assert report["secondsSinceEpochIntervals"] == [DAY, DAY + 86_400]
    assert [
        (group["group"]["groupInfo"], group["groupValue"], [v["value"] for v in group["values"]])
        for group in report["clientMeters"]
    ] == [({"customerId": "bolt"}, 5, [0, 5]), ({"customerId": "acme"}, 0.3, [0.3, 0])]


@pytest.mark.usefixtures("ingested")
def test_a_list_of_queries_has_a_list_of_reports(usage: UsageApiClient) -> None:
    filtered = query(
        aggregation=AggregationType.COUNT,
        usage_filter={"customerId": ["acme"], "region": ["us-east-1"]},
    )
    totals = [
        [group["groupValue"] for group in report["clientMeters"]]
        for report in usage.get([query(aggregation=AggregationType.MAX), filtered])
    ]
    assert totals == [[5], [2]]


@pytest.mark.usefixtures("ingested")
def test_all_meters_that_are_declared_are_reported(
    usage: UsageApiClient, server: Running, http: httpx.Client, key: str
) -> None:
    asked = create_all_usage_query(
        TimeGroupingInterval.WEEK, TimeRange(DAY), group_by_customer_id=True
    )
    assert usage.get_all(asked) == []
    meter = {"label": "Mine", "meterApiName": "my meter", "meterType": "sum_of_all_usage"}
    http.post(f"{server.url}/amberflo/meters", json=meter, headers={"x-api-key": key})
    [report] = usage.get_all(asked)
    assert [group["groupValue"] for group in report["clientMeters"]] == [5, 0.3]
    of_acme = create_all_usage_query(
        TimeGroupingInterval.HOUR, TimeRange(DAY, DAY + 86_400), filter_by_customer_id="acme"
    )
    [report] = usage.get_all(of_acme)
    assert len(report["secondsSinceEpochIntervals"]) == 24


def test_a_query_that_is_refused_is_its_api_error(usage: UsageApiClient) -> None:
    with pytest.raises(ApiError) as told:
        usage.get(query(time_range=TimeRange(DAY, DAY - 1)))
    assert "no later than it begins" in str(told.value)
