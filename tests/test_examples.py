"""Examples for users' projects: those that can be run here are run, and the others are read."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import yaml

from contracts.model import MeterboxError
from sandbox.cli.main import commands
from tests.running import NODE, PROGRAM, environment

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "tests" / "examples"
NODE_MODULES = ROOT / "tests" / "clients" / "node" / "node_modules"
MANIFESTS = sorted(EXAMPLES.glob("*.yaml"))


def test_tests_without_pytest_pass() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "-q", "test_usage"],
        cwd=EXAMPLES / "unittest_service",
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Ran 2 tests" in done.stderr


@pytest.mark.skipif(
    NODE is None or not (NODE_MODULES / "orb-billing").is_dir(),
    reason="needs Node.js 20 or later, and: make node",
)
def test_a_service_in_node_passes_its_tests(tmp_path: Path) -> None:
    """By the command that its package.json has."""
    folder = tmp_path / "service"
    shutil.copytree(EXAMPLES / "node_service", folder)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    package = json.loads((folder / "package.json").read_text())
    program, *arguments = shlex.split(package["scripts"]["test"])
    assert program == "meterbox"
    assert NODE is not None
    env = environment(PATH=f"{Path(NODE).parent}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(
        [*PROGRAM, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^(# |ℹ )pass 1$", done.stdout, re.M)
    assert done.stderr.startswith("meterbox: Requests to Orb. ")


# Files for other programs: they are read, and their lines for meterbox are good ones.


def said(node: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(node, dict):
        for value in node.values():
            yield from said(value)
    elif isinstance(node, list):
        for value in node:
            yield from said(value)
    elif isinstance(node, str):
        yield node


def lines(file: Path) -> list[list[str]]:
    """The command lines of ours in a file."""
    texts = "\n".join(said(yaml.safe_load(file.read_text()))).splitlines()
    ours = [line.strip() for line in texts if line.strip().startswith("meterbox ")]
    return [shlex.split(line)[1:] for line in ours]


def checked(arguments: list[str]) -> None:
    """Raises click's errors for a line that is wrong, and runs nothing."""
    with commands.make_context("meterbox", arguments) as context:
        _, command, rest = commands.resolve_command(context, list(arguments))
        assert command is not None
        command.make_context(str(command.name), rest, parent=context).close()


@pytest.mark.parametrize("file", MANIFESTS, ids=[file.name for file in MANIFESTS])
def test_lines_for_meterbox_are_right(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in lines(file):
        checked(arguments)


def test_a_line_that_is_wrong_is_found() -> None:
    assert sum(len(lines(file)) for file in MANIFESTS) == 5
    for wrong in ("exec --no -- x", "exec --report jnit -- x", "validat", "validate --lin orb"):
        with pytest.raises((click.ClickException, MeterboxError)):
            checked(wrong.split())


def test_containers_of_the_composition_are_as_closed_as_the_recipe_says() -> None:
    services = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())["services"]
    ours = services["meterbox"]
    build = ours["build"]
    assert (EXAMPLES / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    assert ours["read_only"] is True
    assert ours["tmpfs"] == ["/tmp"]
    assert ours["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in ours["ports"])
    assert ours["environment"]["METERBOX_SERVER__TOKEN"].startswith("${METERBOX_TOKEN:?")
    assert services["tests"]["depends_on"]["meterbox"]["condition"] == "service_healthy"
    assert (EXAMPLES / services["tests"]["volumes"][0].partition(":")[0]).is_dir()


# The recipe of an image, and what it would install, without an engine.


def recipe() -> list[tuple[str, str]]:
    """Its instructions, in order."""
    text = (EXAMPLES / "Containerfile").read_text()
    kept = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = [line.partition(" ") for line in kept]
    return [(word, rest.strip()) for word, _, rest in pairs]


def last(word: str) -> str:
    return [rest for name, rest in recipe() if name == word][-1]


def variables() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in last("ENV").split())


def test_the_image_is_pinned_unprivileged_and_holds_no_secret() -> None:
    bases = [rest for name, rest in recipe() if name == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"[\w./]+:\d+\.\d+\.\d+-[\w-]+( AS built)?", base) for base in bases)
    assert len({base.partition(" ")[0] for base in bases}) == 1
    words = [name for name, _ in recipe()]
    assert int(last("USER")) > 0
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "RUN" not in words[words.index("USER") :]
    assert not re.search(r"(?i)(token|key|secret|password)\w*=", last("ENV"))
    assert "ARG" not in words
    assert "ADD" not in words
    assert variables()["PYTHONDONTWRITEBYTECODE"] == "1"  # its file system is read-only


def test_what_the_image_copies_is_there_and_is_all_that_is_installed() -> None:
    copied = [rest for name, rest in recipe() if name == "COPY" and "--from" not in rest]
    files = [file for group in copied for file in group.split()[:-1]]
    assert [file for file in files if not (ROOT / file).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= set(files)


def installed(folder: Path) -> Path:
    """Our wheel in a clean environment, which borrows from this one what the wheel needs; where
    its programs are."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    venv.create(folder / "venv", symlinks=True)
    python = str(folder / "venv" / "bin" / "python")
    (purelib(python) / "borrowed.pth").write_text(f"{purelib(sys.executable)}\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    wheel = str(next(folder.glob("*.whl")))
    offline = ["--no-deps", "--no-index", wheel]
    subprocess.run([*pip, *offline], check=True, capture_output=True, timeout=60)
    return folder / "venv" / "bin"


def purelib(python: str) -> Path:
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.check_output([python, "-c", asked], text=True).strip())


def test_what_the_wheel_installs_is_whole_and_runs_as_the_recipe_says(tmp_path: Path) -> None:
    """By its entry point, its variables and its check of health, elsewhere than here."""
    programs = installed(tmp_path)
    places = ("contracts", "translators", "sandbox", "fixtures")
    kept = subprocess.check_output(["git", "ls-files", *places], cwd=ROOT, text=True).splitlines()
    site = next((tmp_path / "venv").glob("lib/*/site-packages"))
    assert [name for name in kept if (ROOT / name).exists() and not (site / name).exists()] == []

    empty = tmp_path / "empty"
    empty.mkdir(mode=0o500)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    mine = {"METERBOX_SERVER__TOKEN": "t", "METERBOX_SERVER__PORT": "0", "PATH": path}
    env = environment(**{**variables(), **mine})
    command = [*json.loads(last("ENTRYPOINT")), *json.loads(last("CMD")), "--json"]
    command[0] = str(programs / command[0])
    with subprocess.Popen(
        command, cwd=empty, env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            env["METERBOX_SERVER__PORT"] = url.rpartition(":")[2]
            assert healthy(programs, empty, env)
            assert not healthy(programs, empty, {**env, "METERBOX_SERVER__TOKEN": "another"})
            assert httpx.get(f"{url}/orb/v1/ping", trust_env=False).status_code == 401
        finally:
            process.terminate()


def healthy(programs: Path, folder: Path, env: dict[str, str]) -> bool:
    program, *arguments = json.loads(last("HEALTHCHECK").partition(" CMD ")[2])
    command = [str(programs / program), *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=20)
    return done.returncode == 0
