"""Hyperline takes up to 5,000 events of one type in one request (rule hyperline.batch.size)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import orjson

from translators.request import VendorRequest

__all__ = ["MOST", "failed", "join", "kin"]

MOST = 5_000


def kin(request: VendorRequest) -> Hashable | None:
    return request.body["event_type"] if request.endpoint == "ingest" else None


def join(requests: Sequence[VendorRequest]) -> VendorRequest:
    body = [request.body for request in requests]
    return VendorRequest(requests[0].vendor, "ingest-batch", "POST", "/v1/events/batch", body)


def failed(answer: bytes, requests: Sequence[VendorRequest]) -> Sequence[int]:
    """Those that a 201 names in `events_failed`, by their record ids (rule hyperline.batch.reply).

    All of them where the answer cannot be read, or names another: it may have meant any.
    """
    ids = [request.body["record"]["id"] for request in requests]
    try:
        lost = {event["record"]["id"] for event in orjson.loads(answer)["events_failed"]}
    except (ValueError, TypeError, LookupError):
        return range(len(requests))
    if not lost <= set(ids):
        return range(len(requests))
    return [n for n, id in enumerate(ids) if id in lost]
