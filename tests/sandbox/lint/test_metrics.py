"""Properties that metrics need."""

import pytest

from contracts.reader import read
from sandbox.lint.metrics import needed
from tests.sandbox.lint.conftest import event

ABSENT = "lint.metric.absent"
SUM = {"name": "Tokens", "event_name": "api_call", "aggregation": "sum", "property": "tokens"}


def test_a_property_that_a_metric_needs_and_events_lack_is_told(look):
    found = look(
        [event(1), event(2, properties={}), event(3, properties={"tokens": None})],
        needs={"api_call": ("tokens",), "other": ("x",)},
    )
    assert list(found) == [ABSENT]
    assert found[ABSENT].count == 2
    assert found[ABSENT].message == (
        "a metric of api_call needs the property tokens, which the event does not have"
    )


def test_what_stands_among_several_places_is_found(look):
    record = {"uniqueId": "u", "customerId": "c", "meterApiName": "m", "meterValue": 1}
    record |= {"meterTimeInMillis": 1_768_478_400_000, "dimensions": {"region": "eu"}}
    assert look([record], vendor="amberflo", needs={"m": ("region",)}) == {}
    assert ABSENT in look([record], vendor="amberflo", needs={"m": ("zone",)})


@pytest.mark.parametrize(
    ("vendor", "step", "needs"),
    [
        ("orb", {"dashboard": "declare-metric", "json": SUM}, {"api_call": ("tokens",)}),
        (
            "orb",
            {"dashboard": "declare-metric", "json": {**SUM, "filter": {"region": "eu"}}},
            {"api_call": ("tokens", "region")},
        ),
        ("orb", {"dashboard": "other", "json": SUM}, {}),
        (
            "amberflo",
            {
                "method": "POST",
                "path": "/meters",
                "json": {"meterApiName": "m", "aggregationDimensions": ["user"]},
            },
            {"m": ("user",)},
        ),
        (
            "hyperline",
            {
                "method": "POST",
                "path": "/v1/aggregators",
                "json": {
                    "entity": "call",
                    "property": "tokens",
                    "where": {"fields": [{"property": "region"}]},
                },
            },
            {"call": ("tokens", "region")},
        ),
        ("hyperline", {"method": "GET", "path": "/v1/aggregators", "json": {"entity": "e"}}, {}),
    ],
)
def test_what_a_metric_needs_is_read_from_the_step_that_makes_it(
    vendor: str, step: dict, needs: dict
):
    assert needed(read(vendor), [step]) == needs
