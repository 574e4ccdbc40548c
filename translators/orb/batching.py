"""Orb takes up to 500 events in one request (rule orb.ingest.batch-size)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from translators.request import VendorRequest

__all__ = ["MOST", "failed", "join", "kin"]

MOST = 500


def kin(request: VendorRequest) -> Hashable | None:
    return request.path if request.endpoint == "ingest" else None


def join(requests: Sequence[VendorRequest]) -> VendorRequest:
    events = [event for request in requests for event in request.body["events"]]
    return replace(requests[0], body={"events": events}, key=None)


def failed(answer: bytes, requests: Sequence[VendorRequest]) -> Sequence[int]:
    """None: all of a request are taken, or none is (rule orb.ingest.whole-batch)."""
    return ()
