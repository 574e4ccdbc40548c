"""Amberflo takes meter records as a list, up to 100 of them (rule amberflo.ingest.batch-size)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from translators.request import VendorRequest

__all__ = ["MOST", "failed", "join", "kin"]

MOST = 100


def kin(request: VendorRequest) -> Hashable | None:
    return request.path if request.endpoint == "ingest" else None


def join(requests: Sequence[VendorRequest]) -> VendorRequest:
    return replace(requests[0], body=[request.body for request in requests], key=None)


def failed(answer: bytes, requests: Sequence[VendorRequest]) -> Sequence[int]:
    """None: all of a request are taken, or none is (rule amberflo.ingest.whole-batch)."""
    return ()
