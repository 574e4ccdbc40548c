"""Every contract case of every vendor, against the sandbox."""

import ast
import uuid
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from contracts.cases import NOW, Case, read_cases
from contracts.reader import read, vendors
from sandbox.app import Options, create_app
from sandbox.verifying.indoors import Indoors, Room
from sandbox.verifying.playing import Player

ROOT = Path(__file__).parents[2]
CASES = [
    pytest.param(player, case, id=f"{player.contract.vendor}-{case.name}")
    for player in map(Player, map(read, vendors()))
    for case in read_cases(player.contract)
]


@pytest.fixture(scope="module")
def house() -> Iterator[Indoors]:
    """Every vendor, for all cases: each takes a key of its own, and leaves nothing behind."""
    with Indoors.opened(create_app(Options(source=lambda: NOW))) as indoors:
        yield indoors


@pytest.mark.parametrize(("player", "case"), CASES)
def test_the_sandbox_answers_as_the_case_says(house: Indoors, player: Player, case: Case) -> None:
    name = uuid.uuid4().hex
    room = Room(house, player.contract, player.contract.key(name), run=name[:12])
    assert list(map(str, player.play(case, room))) == []
    room.account.reset()


@pytest.mark.parametrize("vendor", vendors())
def test_every_rule_is_shown_by_a_case_or_a_test_and_every_case_has_a_rule(vendor: str) -> None:
    from tests.translators.test_golden import GOLDEN

    contract = read(vendor)
    named = {rule for case in read_cases(contract) for rule in case.rules}
    golden = {rule for g in GOLDEN if g.vendor == vendor for rule in g.rules}
    assert named - set(contract.rules) == set()
    assert golden - set(contract.rules) == set()
    tested = {rule.id for rule in contract.rules.values() if rule.tests}
    assert set(contract.rules) - named - golden - tested == set()


TESTED = [
    (rule.id, test) for v in vendors() for rule in read(v).rules.values() for test in rule.tests
]


@pytest.mark.parametrize(("rule", "test"), TESTED)
def test_a_test_that_a_rule_names_is_there_and_names_the_rule(rule: str, test: str) -> None:
    file, _, function = test.partition("::")
    assert [rule in docstring for docstring in docstrings(file)[function]] == [True]


@cache
def docstrings(file: str) -> dict[str, list[str]]:
    """The docstrings of a file's functions by their names."""
    found: dict[str, list[str]] = defaultdict(list)
    for node in ast.parse((ROOT / file).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name].append(ast.get_docstring(node) or "")
    return found
