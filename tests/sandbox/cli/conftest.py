"""Running the meterbox command as a user would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from sandbox.cli.main import commands

EVENT = {
    "event_name": "api_call",
    "timestamp": "2026-01-15T12:00:00Z",
    "idempotency_key": "k-1",
    "external_customer_id": "acme",
    "properties": {"region": "us-east-1"},
}
SETTINGS = (
    "--setting",
    "externalCustomerIdField=userId",
    "--setting",
    "propertiesMappingFields.amount=amount",
)

Run = Callable[..., Result]
Write = Callable[..., str]


@pytest.fixture
def run() -> Run:
    """Runs `meterbox` with these arguments and this standard input."""

    def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(commands, arguments, input=stdin, prog_name="meterbox")

    return run


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file of these lines (values as JSON, bytes as they are) to the working folder."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, *lines: Any) -> str:
        texts = [line if isinstance(line, bytes) else orjson.dumps(line) for line in lines]
        (tmp_path / name).write_bytes(b"\n".join([*texts, b""]))
        return name

    return write
