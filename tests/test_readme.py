"""The README's commands run, its programs run, and its generated parts are current.

`python -m tests.test_readme` writes the generated parts anew.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from contracts.reader import read, vendors
from sandbox.app import create_app
from sandbox.cli.main import commands
from sandbox.server import Running
from tests.forked import install

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def blocks(language: str) -> list[str]:
    return [body for found, body in BLOCK.findall(README.read_text()) if found == language]


def vendor_table() -> str:
    """Each vendor with its endpoints, when it was read, and what it does not do."""
    lines = []
    for name in vendors():
        contract = read(name)
        served = ", ".join(f"`{e.method} {e.paths[0]}`" for e in contract.endpoints)
        counts = [rule.confidence for rule in contract.rules.values()]
        told = ", ".join(
            f"{counts.count(confidence)} {confidence}"
            for confidence in ("documented", "observed", "sdk", "assumed")
            if confidence in counts
        )
        lines += [
            f"### {contract.title}",
            "",
            f"At `/{name}`, or by host: {', '.join(f'`{host}`' for host in contract.hosts)}. "
            f"Read {contract.checked}; rules: {told}.",
            "",
            served + ".",
            "",
            " ".join(contract.notes),
            "",
        ]
    return "\n".join(lines)


def config_block() -> str:
    from sandbox.config import example

    return f"```toml\n{example().strip()}\n```\n"


def comparison() -> str:
    """What `meterbox compare` prints of its example."""
    file = str(ROOT / "fixtures" / "segment" / "usage.ndjson")
    shown = CliRunner().invoke(commands, ["compare", file]).output
    lines = [line.rstrip() for line in shown.splitlines()]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def written(text: str) -> str:
    """The README with its generated parts made anew."""
    for name, part in (
        ("vendors", vendor_table()),
        ("config", config_block()),
        ("compare", comparison()),
    ):
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        text = f"{before}{mark}\n{part}\n{end}{after}"
    return text


def test_generated_parts_are_current() -> None:
    """Run `python -m tests.test_readme` when this fails."""
    assert README.read_text() == written(README.read_text())


def suites() -> list[str]:
    """Programs that begin with the name of a file that pytest runs."""
    return [program for program in blocks("python") if program.startswith("# test_")]


@pytest.mark.parametrize("program", [p for p in blocks("python") if p not in suites()])
def test_programs_run(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("program", suites())
def test_tests_pass(program: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(program)
    # Without the plugins of ours that no user need have, and which take seconds to import.
    fewer = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:hypothesispytest")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", *fewer]
    env = {name: value for name, value in os.environ.items() if name != "METERBOX_URL"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert re.search(r"^[1-9] passed", done.stdout, re.MULTILINE), done.stdout


def test_commands_run_in_order(tmp_path: Path) -> None:
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    install(tmp_path)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    script = "set -eo pipefail\n" + "\n".join(blocks("sh"))
    with Running(create_app()) as server:
        done = subprocess.run(
            ["bash", "-c", script.replace("http://127.0.0.1:4020", server.url)],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "METERBOX_URL": server.url},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert (
        '"totals":[{"customer":"acme","meter":"api_call","quantity":1,"events":1}]' in done.stdout
    )
    assert '"error"' not in done.stdout


def test_every_block_is_run_or_read() -> None:
    found = {language for language, _ in BLOCK.findall(README.read_text())}
    assert found == {"python", "sh", "text", "toml"}


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
