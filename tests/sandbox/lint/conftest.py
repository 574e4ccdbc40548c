"""Looking at made-up events as `--lint` does, in this process."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from contracts.reader import read
from sandbox.clock import parse
from sandbox.lint.cause import Cause
from sandbox.lint.linter import Linter, layout

NOW = "2026-01-15T13:00:00Z"
Look = Callable[..., dict[str, Cause]]


def linter(vendor: str = "orb", endpoint: str = "ingest", **more: Any) -> Linter:
    contract = read(vendor)
    now = parse(more.pop("now", NOW))
    return Linter(contract, layout(contract, endpoint), now, **more)


def event(number: int = 0, **more: Any) -> dict[str, Any]:
    """An event that nobody regrets; each number is another."""
    return {
        "event_name": "api_call",
        "timestamp": f"2026-01-15T12:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}Z",
        "idempotency_key": f"5b0c2d9e-{number}",
        "external_customer_id": f"acme-{number % 3}",
        "properties": {"region": "us-east-1", "tokens": number % 7},
        **more,
    }


@pytest.fixture
def look() -> Look:
    """Looks at bodies, one to a line; answers the causes by the id of the advice."""

    def look(bodies: Iterable[Any], **more: Any) -> dict[str, Cause]:
        looking = linter(**more)
        for line, body in enumerate(bodies, 1):
            looking.look(body, "e.ndjson", line)
        found = looking.causes()
        assert len({cause.advice.id for cause in found}) == len(found), "one cause told twice"
        return {cause.advice.id: cause for cause in found}

    return look
