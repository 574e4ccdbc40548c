"""A sandbox with real traffic, and a browser: one for each file, for they are slow to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from sandbox.app import create_app
from sandbox.server import Running
from tests.browsing import launched
from tests.sandbox.page.traffic import Traffic, played


@pytest.fixture(scope="module")
def traffic() -> Iterator[Traffic]:
    """A sandbox of every vendor at which a morning's requests were made."""
    with Running(create_app()) as running:
        sent = played(running.url)
        yield sent
        sent.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser
