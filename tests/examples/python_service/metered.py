"""A service that bills by use: each call is told to Orb, and to Segment for whoever looks at use.

Where they are and with which keys is in the environment, as in production.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime

from orb import Orb, OrbError
from segment.analytics.client import Client

__all__ = ["Usage"]


class Usage:
    """Usage of customers, as it happens. That it cannot be told of stops no customer's call."""

    def __init__(self) -> None:
        self._orb = Orb(max_retries=2)
        key, host = os.environ["SEGMENT_WRITE_KEY"], os.environ.get("SEGMENT_HOST")
        self._segment = Client(write_key=key, host=host)

    def sign_up(self, customer: str, name: str, email: str) -> None:
        self._orb.customers.create(external_customer_id=customer, name=name, email=email)
        self._segment.identify(customer, {"name": name, "email": email})

    def record(self, customer: str, call: str, at: datetime, region: str = "eu") -> None:
        """A call, whose id is its key: told twice, it is billed once."""
        event = {
            "event_name": "api_call",
            "idempotency_key": call,
            "external_customer_id": customer,
            "timestamp": at,
            "properties": {"region": region},
        }
        try:
            self._orb.events.ingest(events=[event])  # type: ignore[list-item]
        except OrbError as fault:
            logging.getLogger(__name__).warning("call %s is not billed: %s", call, fault)
        self._segment.track(customer, "Api Call", {"region": region}, timestamp=at)

    def volume(self, at: datetime) -> int:
        """How many events Orb counts in the hour of a time."""
        found = self._orb.events.volume.list(timeframe_start=at)
        return sum(hour.count for hour in found.data)

    def close(self) -> None:
        self._segment.flush()
        self._segment.join()
        self._orb.close()
