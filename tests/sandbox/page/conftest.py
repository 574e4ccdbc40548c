"""A sandbox with real traffic: one for each file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.app import create_app
from sandbox.server import Running
from tests.sandbox.page.traffic import Traffic, played


@pytest.fixture(scope="module")
def traffic() -> Iterator[Traffic]:
    """A sandbox of every vendor at which a morning's requests were made."""
    with Running(create_app()) as running:
        sent = played(running.url)
        yield sent
        sent.close()
