"""The house rules that no linter knows, and a vendor added without editing a file."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import files
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

import contracts
from contracts.reader import vendors
from tests.running import Up, environment, meterbox

ROOT = Path(contracts.__file__).parents[1]
PLACES = ("contracts", "translators", "sandbox", "fixtures", "tests")
TEXTS = (".py", ".json", ".md", ".toml", ".lua", ".html", ".css", ".js")
FILE, FUNCTION = 300, 30
# Folders of machinery that show or wire up all vendors and may name one (ARCHITECTURE.md).
NAMING = {"sandbox/cli", "sandbox/page", "translators/forwarding"}
MACHINERY = ("contracts", "translators", "sandbox")


def sources(*places: str, suffixes: tuple[str, ...] = (".py",)) -> list[Path]:
    found: list[Path] = []
    for place in places:
        for folder, below, names in os.walk(ROOT / place):
            below[:] = [name for name in below if name != "node_modules"]  # what others wrote
            found += [Path(folder) / name for name in names if name.endswith(suffixes)]
    return sorted(found)


def named(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


CODE = sources(*PLACES)


def test_no_file_is_longer_than_the_ceiling() -> None:
    lengths = {named(file): len(file.read_text().splitlines()) for file in CODE}
    # The tests of one subject stay together.
    ceilings = {name: FILE * 2 if name.startswith("tests/") else FILE for name in lengths}
    assert {name: most for name, most in lengths.items() if most > ceilings[name]} == {}


def test_no_function_is_longer_than_the_ceiling() -> None:
    """Without its signature, its docstring and the functions inside it."""
    assert [f"{named(file)}: {name}" for file in CODE for name in told(file).long] == []


Function = ast.FunctionDef | ast.AsyncFunctionDef


def length(node: Function) -> int:
    """Its own lines, without those of functions inside it."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body:
        return 0
    inner = (n for n in node.body if isinstance(n, Function))
    return span(body[0], body[-1]) - sum(span(n, n) for n in inner)


def span(first: ast.stmt, last: ast.stmt) -> int:
    return (last.end_lineno or 0) - first.lineno + 1


def test_what_a_module_offers_is_sorted_and_exists() -> None:
    assert [named(file) for file in CODE if not well_offered(told(file))] == []


def well_offered(told: Told) -> bool:
    offered = told.offered
    if offered is None:
        return True
    # Constants, classes, the rest; or plainly by the alphabet.
    ranked = sorted(offered, key=lambda n: (not n.isupper(), not n[:1].isupper(), n))
    once = len(offered) == len(set(offered))
    return once and offered in (ranked, sorted(offered)) and set(offered) <= told.defined


class Told(NamedTuple):
    """What a file says: functions longer than the ceiling, `__all__`, and what it defines."""

    long: list[str]
    offered: list[str] | None
    defined: set[str]


@cache
def told(file: Path) -> Told:
    """A file read once, for every test that asks; its tree would be large to keep."""
    tree = ast.parse(file.read_text())
    functions = (node for node in ast.walk(tree) if isinstance(node, Function))
    long = [node.name for node in functions if length(node) > FUNCTION]
    return Told(long, offers(tree), set(defined(tree)))


def offers(tree: ast.Module) -> list[str] | None:
    """What `__all__` is, where it is."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            offered: list[str] = ast.literal_eval(node.value)
            return offered
    return None


def defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)


def machinery() -> list[Path]:
    """The code that is no vendor's."""
    rooms = {f"{place}/{vendor}" for place in MACHINERY for vendor in vendors()}
    return [
        file
        for file in sources(*MACHINERY)
        if not any(named(file).startswith(f"{folder}/") for folder in rooms | NAMING)
    ]


def test_machinery_names_no_vendor() -> None:
    """In its code: comments and docstrings may tell why. The source vendor's format, which the
    translators read, is no vendor's room."""
    sold = [vendor for vendor in vendors() if vendor != "segment"]
    words = re.compile(rf"(?i)(?<![a-z])({'|'.join(sold)})(?![a-z])")
    assert [
        f"{named(file)}: {word}"
        for file in machinery()
        for word in said(ast.parse(file.read_text()))
        if words.search(word)
    ] == []


def said(tree: ast.Module) -> Iterator[str]:
    """Identifiers and literal texts, docstrings (and other texts nobody uses) left out."""
    unused = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in unused:
                yield node.value
            continue
        for name in ("id", "attr", "name", "module", "arg"):
            if isinstance(getattr(node, name, None), str):
                yield getattr(node, name)


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    own = Path(__file__)
    places = re.compile(r"(?<![\w.])/(work|root|home/\w+)/")
    shared = [f for f in sources(*PLACES, suffixes=TEXTS) if f != own]
    tops = [f for f in ROOT.iterdir() if f.suffix in TEXTS or f.name == "Makefile"]
    assert [named(f) for f in (*shared, *tops) if places.search(f.read_text())] == []


def test_no_code_is_left_for_later() -> None:
    own = Path(__file__)
    later = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    assert [named(f) for f in sources(*PLACES) if f != own and later.search(f.read_text())] == []


@pytest.mark.parametrize("vendor", vendors())
def test_every_vendor_has_its_rooms(vendor: str) -> None:
    assert (ROOT / "sandbox" / vendor / "app.py").is_file()
    assert (ROOT / "contracts" / vendor / "rules.json").is_file()
    assert list((ROOT / "contracts" / vendor / "cases").glob("*.json"))


def test_the_layers_hold() -> None:
    """As import-linter's contracts in pyproject.toml have them."""
    from importlinter.cli import lint_imports

    before = os.getcwd()
    os.chdir(ROOT)
    try:
        assert lint_imports(no_cache=True) == 0
    finally:
        os.chdir(before)


@pytest.mark.parametrize("vendor", vendors())
def test_a_room_imports_no_other_vendor_and_a_sandbox_room_no_translator(vendor: str) -> None:
    others = {name for name in vendors() if name != vendor}
    for package in ("sandbox", "translators"):
        for file in sorted((ROOT / package / vendor).glob("**/*.py")):
            for module in imported(file):
                assert others.isdisjoint(module.split(".")), f"{file} imports {module}"
                assert package != "sandbox" or not module.startswith("translators"), file


def imported(file: Path) -> Iterator[str]:
    """Every module a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_program_is_installed_with_the_house() -> None:
    assert any(file.name == "entry_points.txt" for file in files("meterbox") or ())


# A vendor made up in a folder outside: served, listed, validated, tested; no file is edited.


@pytest.fixture(scope="module")
def env(acme_root: Path) -> dict[str, str]:
    return environment(acme_root)


@pytest.fixture(scope="module")
def up(env: dict[str, str]) -> Iterator[Up]:
    with Up(env=env) as running:
        yield running


def event(**more: Any) -> dict[str, Any]:
    at = "2026-01-15T12:00:00Z"
    return {"id": "e1", "customer": "c1", "meter": "calls", "quantity": 1, "at": at, **more}


def test_a_new_vendor_is_served_and_listed(up: Up) -> None:
    with httpx.Client(trust_env=False, base_url=up.url) as client:
        told = client.get("/").json()["vendors"]
        assert [entry["vendor"] for entry in told] == sorted([*vendors(), "acme"])
        headers = {"authorization": f"Bearer {up.told['vendors']['acme']['key']}"}
        answer = client.post("/acme/v2/usage", json={"events": [event()]}, headers=headers)
        assert answer.json()["recorded"] == 1
        by_host = client.get("/usage/e1", headers={**headers, "host": "api.acme.test"})
        assert by_host.json() == event()


def test_a_new_vendors_rules_are_told(env: dict[str, str]) -> None:
    done = meterbox("rules", "acme", "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert "acme.usage.late" in done.stdout


def test_a_new_vendors_payloads_are_validated(env: dict[str, str], tmp_path: Path) -> None:
    lines = [json.dumps(event()), json.dumps(event(quantity="1"))]
    (tmp_path / "usage.ndjson").write_text("\n".join(lines))
    done = meterbox("validate", "acme", "usage.ndjson", env=env, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "usage.ndjson:2" in done.stdout
    assert "acme.usage.quantity" in done.stdout
    (tmp_path / "usage.ndjson").write_text(lines[0])
    assert meterbox("validate", "acme", "usage.ndjson", env=env, cwd=tmp_path).returncode == 0


def test_a_new_vendors_events_are_translated(env: dict[str, str], tmp_path: Path) -> None:
    track = {"type": "track", "event": "calls", "userId": "c1", "messageId": "m1"}
    (tmp_path / "one.json").write_text(json.dumps({**track, "timestamp": "2026-01-15T12:00:00Z"}))
    done = meterbox("translate", "acme", "one.json", "--json", env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "/v2/usage" in done.stdout


def test_a_new_vendors_openapi_is_exported(env: dict[str, str]) -> None:
    done = meterbox("openapi", "acme", env=env)
    assert "/v2/usage/{id}" in json.loads(done.stdout)["paths"]


RUN_ITS_CASES = """
import sys
from pathlib import Path
import pytest
from contracts.reader import add_vendors
add_vendors(Path(sys.argv[1]))
only = ["-k", "acme and (case_says or documented_request or has_a_trace)"]
files = ["tests/contracts/test_cases.py", "tests/translators/test_golden.py"]
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *only, *files]))
"""


def test_a_new_vendors_cases_and_golden_cases_run(env: dict[str, str], acme_root: Path) -> None:
    """By the tests that run every vendor's, in a process that knows one more."""
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", RUN_ITS_CASES, str(acme_root)],
        cwd=ROOT,
        # No other plugins: Hypothesis and schemathesis take a while to import.
        env={**env, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert re.search(r"^[3-9] passed", done.stdout, re.MULTILINE), done.stdout[-3_000:]
