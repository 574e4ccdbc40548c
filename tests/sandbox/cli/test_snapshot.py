"""`meterbox snapshot` against a running sandbox."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import httpx

from sandbox.server import Running
from tests.acme import usage
from tests.sandbox.cli.conftest import Run


def record(server: Running, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    httpx.post(f"{server.url}/acme/usage", json={"events": [usage()]}, headers=headers)


def test_an_account_goes_through_a_file(
    run: Run, acme_server: Running, key: str, tmp_path: Path
) -> None:
    record(acme_server, key)
    file, other = tmp_path / "account.json", f"ak_{uuid.uuid4().hex}"
    at = ("--url", acme_server.url)
    assert run("snapshot", "take", "acme", key, str(file), *at).exit_code == 0
    assert key not in file.read_text()
    done = run("snapshot", "restore", "acme", other, str(file), *at)
    assert (done.exit_code, done.stdout) == (0, "1 requests and 0 acts done again.\n")
    document = json.loads(file.read_text())
    document["history"][0]["status"] = 500
    file.write_text(json.dumps(document))
    done = run("snapshot", "restore", "acme", other, str(file), *at)
    assert done.stdout.endswith("done again; 1 answered otherwise than before.\n")


def test_what_is_no_snapshot_is_told_in_a_line(
    run: Run, acme_server: Running, key: str, tmp_path: Path
) -> None:
    file, at = tmp_path / "account.json", ("--url", acme_server.url)
    for written, why in (("{", "is no snapshot of an account"), ("{}", "'format' is a required")):
        file.write_text(written)
        refused = run("snapshot", "restore", "acme", key, str(file), *at)
        assert refused.exit_code == 2
        assert why in refused.stderr
    nobody = run("snapshot", "take", "acme", key, str(file), *at)
    assert (nobody.exit_code, file.read_text()) == (2, "{}")
