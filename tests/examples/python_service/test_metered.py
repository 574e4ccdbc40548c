"""The service's tests: `meterbox exec -- pytest` runs them, and whatever vendors they need."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from metered import Usage


@pytest.fixture
def usage() -> Iterator[Usage]:
    usage = Usage()
    yield usage
    usage.close()


def test_a_call_is_billed_once_however_often_it_is_told(usage: Usage) -> None:
    now = datetime.now(UTC)
    usage.sign_up("acme", "Acme", "billing@acme.test")
    for call in ("c-1", "c-2", "c-1"):
        usage.record("acme", call, now)
    assert usage.volume(now - timedelta(hours=1)) == 2
