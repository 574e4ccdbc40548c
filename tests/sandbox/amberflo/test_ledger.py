"""The ledger against a plain model: records of all fates, and customers that come and go."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.amberflo.records import CANCEL

CUSTOMERS = ("acme", "globex")
Key = tuple[str, str, str, int, bool]

RECORDS = st.tuples(
    st.sampled_from("uv"),
    st.sampled_from(CUSTOMERS),
    st.sampled_from(["calls", "bytes"]),
    st.integers(1, 3),
    st.booleans(),
)
STEPS = st.one_of(
    st.tuples(st.just("ingest"), st.lists(RECORDS, min_size=1, max_size=4)),
    st.tuples(st.sampled_from(["put", "delete", "reinstate"]), st.sampled_from(CUSTOMERS)),
)


class Model:
    """What Amberflo would bill, worked out from the beginning for each question."""

    def __init__(self) -> None:
        self.customers: dict[str, bool] = {}
        self.fates: dict[Key, str] = {}

    def ingest(self, records: list[Key]) -> None:
        for key in records:
            if key in self.fates:
                continue
            unique, customer, meter, value, cancels = key
            before = unique, customer, meter, value, False
            self.fates[key] = "silent"
            if not cancels:
                self.fates[key] = "billed" if self.customers.get(customer) else "waiting"
            elif before in self.fates:
                self.fates[before] = "cancelled"

    def put(self, customer: str) -> None:
        self.customers[customer] = True
        for key, fate in self.fates.items():
            if key[1] == customer and fate == "waiting":
                self.fates[key] = "billed"

    def delete(self, customer: str) -> None:
        if customer in self.customers:
            self.customers[customer] = False

    def reinstate(self, customer: str) -> None:
        if self.customers.get(customer) is False:
            self.put(customer)

    def totals(self) -> dict[tuple[str, str], int]:
        found: Counter[tuple[str, str]] = Counter()
        for (_, customer, meter, value, _), fate in self.fates.items():
            if fate == "billed":
                found[customer, meter] += value
        return dict(found)


def record(key: Key) -> dict[str, Any]:
    unique, customer, meter, value, cancels = key
    return {
        "uniqueId": unique,
        "customerId": customer,
        "meterApiName": meter,
        "meterValue": value,
        "meterTimeInMillis": 1619445706909,
        "dimensions": {"region": "us"} | ({CANCEL: "true"} if cancels else {}),
    }


def take(desk: Any, step: str, what: Any) -> None:
    """Ask the sandbox for what the model does."""
    if step == "ingest":
        desk.ask("POST", "/ingest", json=[record(key) for key in what])
    elif step == "put":
        desk.ask("PUT", "/customers", json={"customerId": what, "customerName": what})
    elif step == "delete":
        desk.ask("DELETE", f"/customers/{what}")
    else:
        desk.ask("PUT", "/customers/reinstate", json={"customerId": what})


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, min_size=3, max_size=12))
def test_the_ledger_bills_what_a_plain_model_would(open_desk, steps):
    desk, model = open_desk(), Model()
    for step, what in steps:
        take(desk, step, what)
        getattr(model, step)(what)
        assert desk.billed() == model.totals(), step
