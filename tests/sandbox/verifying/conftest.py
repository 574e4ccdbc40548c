"""Orb on real sockets: as it is known, and as it might be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sandbox.app import Options, create_app
from sandbox.cli.main import commands
from sandbox.server import Running
from tests.sandbox.verifying.drifted import Drifted

Verify = Callable[..., Result]


@pytest.fixture(scope="session")
def orb_url() -> Iterator[str]:
    with Running(create_app(Options(vendors=["orb"]))) as running:
        yield f"{running.url}/orb"


@pytest.fixture(scope="session")
def drifted_url() -> Iterator[str]:
    with Running(Drifted(create_app(Options(vendors=["orb"])))) as running:
        yield f"{running.url}/orb"


@pytest.fixture(scope="session")
def mock_url() -> Iterator[str]:
    """Orb as somebody's mock: without a control API."""
    with Running(Drifted(create_app(Options(vendors=["orb"])), (), control=False)) as running:
        yield f"{running.url}/orb"


@pytest.fixture(scope="session")
def guarded_url() -> Iterator[str]:
    with Running(create_app(Options(vendors=["orb"], token="t0ken"))) as running:
        yield f"{running.url}/orb"


@pytest.fixture
def meterbox() -> Verify:
    """Runs `meterbox` with these arguments."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(commands, [*map(str, arguments)], prog_name="meterbox")

    return run


@pytest.fixture
def checks() -> Callable[[Result], dict[str, Any]]:
    """Case -> its check, of a report as JSON on the standard output."""

    def read(result: Result) -> dict[str, Any]:
        report = json.loads(result.stdout)
        return {check["name"]: check for check in report["checks"]}

    return read
