"""From a JSON path to the line and column of a file."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.conformance import json_path
from sandbox.cli.pointing import LONGEST, Target, places

PRETTY = """
{
  "events": [
    {"a": 1},
    {
      "a b": [10, {"x": "]}"}],
      "\\u0061": "é", "it's": 2, "say \\"no\\"": 3
    }
  ]
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "e.json"


def spot(file: Path, path: str, line: int = 1) -> tuple[int, int | None]:
    target = Target(str(file), line, path)
    place = places([target])[target]
    return place.line, place.column


@pytest.mark.parametrize(
    ("path", "line", "begins"),
    [
        ("$.events", 3, '"events"'),
        ("$.events[0].a", 4, '"a": 1'),
        ("$.events[1]", 5, "{"),
        ("$.events[1]['a b']", 6, '"a b"'),
        ("$.events[1]['a b'][1].x", 6, '"x"'),
        ("$.events[1].a", 7, '"\\u0061"'),
        ('$.events[1]["it\'s"]', 7, '"it\'s"'),
        ("$.events[1]['say \"no\"']", 7, '"say'),
        ("$.events[1].missing", 5, "{"),
        ("$.events[7]", 3, '"events"'),
        ("$.events[0].a.b", 4, '"a"'),
        ("$.other", 2, "{"),
    ],
)
def test_a_path_in_a_document_is_at_its_key_or_what_that_would_be_in(
    file: Path, path: str, line: int, begins: str
):
    file.write_text(PRETTY)
    found, column = spot(file, path, 2)
    assert (found, column is not None) == (line, True)
    assert PRETTY.split("\n")[found - 1][(column or 0) - 1 :].startswith(begins)


def test_a_path_in_a_line_is_in_that_line_alone(file: Path):
    file.write_bytes(b'{"a": 1}\r\n{"a": 1, "b": 2}\n{"b": 3}\n')
    assert spot(file, "$.b", 2) == (2, 10)
    assert spot(file, "$.b", 1) == (1, 1)
    assert spot(file, "$", 2) == (2, None)


@pytest.mark.parametrize("text", ["", "{", '{"a": ', "[1, 2", "{5: 1}", "\ud7ff"])
def test_what_is_broken_is_where_it_begins(file: Path, text: str):
    file.write_text(text)
    assert spot(file, "$.b[3]") in {(1, 1), (1, None)}


def test_what_cannot_be_read_again_has_its_line(file: Path):
    assert spot(file, "$.a") == (1, None)
    os.mkfifo(file)
    assert spot(file, "$.a", 3) == (3, None)
    assert spot(Path("stdin"), "$.a", 3) == (3, None)


def test_no_more_of_a_document_is_looked_through_than_so_much(file: Path):
    file.write_text("{\n" + f'"a": "{"x" * LONGEST}",\n' + '"b":\n2}')
    assert spot(file, "$.b") == (1, 1)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=4), VALUES, min_size=1), st.sampled_from([None, 2]))
def test_every_path_that_the_contracts_write_is_found(
    tmp_path_factory: pytest.TempPathFactory, value: dict, indent: int | None
):
    file = tmp_path_factory.getbasetemp() / "value.json"
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    file.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    for key in value:
        line, column = spot(file, json_path([key]))
        rest = "\n".join(text.split("\n")[line - 1 :])[(column or 0) - 1 :]
        assert json.JSONDecoder().raw_decode(rest)[0] == key
