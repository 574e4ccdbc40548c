"""Cases to prove, and bugs for the proof to find, planted from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.proving.case import Case, Strike
from sandbox.scenario import preset
from sandbox.wiring import local
from tests.sandbox.proving.planted_child import planted_key
from translators.forwarding.route import Route
from translators.mapping import translated_vendors

__all__ = ["AT", "case", "event", "new_keys", "struck"]

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": ("calls", "tokens")[number % 2],
        "userId": f"u{number % 3}",
        "messageId": f"m-{number}",
        "timestamp": "2026-01-15T11:59:00.000Z",
        "properties": {"value": number % 4 + 1},
        **more,
    }


def case(
    events: int | Sequence[dict[str, Any]],
    *scenarios: str,
    vendors: Sequence[str] | None = None,
    **more: Any,
) -> Case:
    """A case of these events, or of so many, under scenarios by name."""
    found = [event(n) for n in range(events)] if isinstance(events, int) else events
    faults = tuple(f for seed, name in enumerate(scenarios, 1) for f in preset(name, seed).faults)
    settings = {vendor: local(vendor) for vendor in vendors or translated_vendors()}
    return Case(tuple(found), settings, AT, faults, **more)


def struck(vendor: str, request: int, kind: Any, **more: Any) -> Strike:
    return Strike(vendor, request, Fault(kind, **more))


@contextmanager
def new_keys() -> Iterator[None]:
    """A forwarder that makes a new idempotency key for each try."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Route, "opened", planted_key(Route.opened))
        yield
