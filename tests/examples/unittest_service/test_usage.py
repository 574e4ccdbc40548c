"""Tests without pytest: a server in a thread for the class, and a key of its own for each test."""

from __future__ import annotations

import unittest
import uuid
from datetime import UTC, datetime

from orb import BadRequestError, Orb

from sandbox.app import create_app
from sandbox.server import Running
from sandbox.testing.house import House, at


class Usage(unittest.TestCase):
    server: Running
    house: House

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = cls.enterClassContext(Running(create_app()))
        cls.house = cls.enterClassContext(at(cls.server.url))

    def setUp(self) -> None:
        self.vendor = self.house.account("orb")
        self.orb = Orb(base_url=self.vendor.base_url, api_key=self.vendor.api_key)
        self.addCleanup(self.orb.close)
        self.orb.customers.create(
            name="Acme", email="billing@acme.test", external_customer_id="acme"
        )

    def record(self, at: datetime) -> None:
        key = {"idempotency_key": uuid.uuid4().hex, "external_customer_id": "acme"}
        event = {"event_name": "api_call", "timestamp": at, "properties": {}, **key}
        self.orb.events.ingest(events=[event])  # type: ignore[list-item]

    def test_each_call_is_billed(self) -> None:
        for _ in range(3):
            self.record(datetime.now(UTC))
        self.vendor.assert_billed("acme", "api_call", 3)

    def test_a_late_call_is_refused(self) -> None:
        with self.assertRaises(BadRequestError):
            self.record(datetime(2020, 1, 1, tzinfo=UTC))
        self.vendor.assert_violation("orb.ingest.grace-period")


if __name__ == "__main__":
    unittest.main()
