"""Reading payload files: the same values and lines, however a file is written and read."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.body import Unreadable, parse
from sandbox.cli import payloads
from sandbox.cli.payloads import Unread, blocks

VALUES = [{"a": 1}, {"b": [1, "x: , y", None]}, {"c": {"d": "é"}}]
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
DOCUMENTS = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["a", "ab", 'a", "b', "a b", "é"])


def found(file: str) -> list[tuple[int, Any]]:
    return [
        (line, value)
        for block in blocks(file)
        for line, value in zip(block.lines, block.values, strict=True)
    ]


@pytest.fixture
def read(tmp_path):
    def read(raw: bytes) -> list[tuple[int, Any]]:
        file = tmp_path / "payloads"
        file.write_bytes(raw)
        return found(str(file))

    return read


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" , ", " : ")])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_lines_are_read_however_they_are_spaced_and_escaped(read, separators, ascii_only):
    lines = [json.dumps(v, separators=separators, ensure_ascii=ascii_only) for v in VALUES]
    expected = list(enumerate(VALUES, 1))
    assert read("\n".join(lines).encode()) == expected
    assert read("\r\n".join([*lines, ""]).encode()) == expected


def test_blank_lines_are_no_values_and_count_as_lines(read):
    assert read(b'\n{"a":1}\n\n  \n{"b":2}\n') == [(2, {"a": 1}), (5, {"b": 2})]


def test_a_document_of_several_lines_is_read_from_its_first(read):
    assert read(b"\n" + json.dumps(VALUES, indent=2).encode()) == [(2, VALUES)]


def test_documents_in_a_row_are_read_one_by_one(read):
    raw = "\n".join(json.dumps(value, indent=2) for value in VALUES).encode()
    assert read(raw) == [(1, VALUES[0]), (4, VALUES[1]), (11, VALUES[2])]


def test_a_broken_document_is_told_with_the_line_where_it_breaks(read):
    assert read(b'{\n  "a": 1,\n}\n') == [
        (3, Unread("the body is not JSON: Expecting property name enclosed in double quotes, "
                   "column 1"))
    ]  # fmt: skip


def test_a_document_with_a_repeated_key_is_not_read(read):
    assert read(b'{\n  "a": 1,\n  "a": 2\n}\n') == [
        (1, Unread("the body is not JSON: the key 'a' is given twice in one object"))
    ]


def test_a_broken_first_line_before_good_ones_is_a_broken_line(read):
    (line, value), *rest = read(b'{"a": 1\n{"b": 2}\n{"c": 3}\n')
    assert (line, type(value)) == (1, Unread)
    assert rest == [(2, {"b": 2}), (3, {"c": 3})]


def test_an_array_that_is_broken_between_its_lines_is_a_broken_document(read):
    ((line, value),) = read(b'[\n{"a": 1},\n{"b": 2}\n{"c": 3}\n]')
    assert (line, type(value)) == (4, Unread)


def test_text_that_is_not_utf_8_is_told_with_its_line(read):
    assert read(b'{\n"a":\n"\xff"}') == [(3, Unread("the body is not UTF-8"))]


def test_nesting_beyond_all_bounds_is_not_read(read):
    ((_, value),) = read(b"[\n" * 100_000)
    assert isinstance(value, Unread)


def test_two_broken_lines_do_not_make_a_good_one(read):
    values = [value for _, value in read(b'{"x":0}\n{"a":1\n"b":2}\n{},{}\n')]
    assert [type(value) for value in values] == [dict, Unread, Unread, Unread]


def test_a_file_larger_than_a_chunk_keeps_its_lines_whole(read):
    values = [{"n": n, "text": "x" * (n % 700)} for n in range(500)]
    raw = b"\n".join(map(orjson.dumps, values))
    assert len(raw) > 4 * payloads.CHUNK
    assert read(raw) == list(enumerate(values, 1))


def test_a_line_larger_than_a_chunk_is_read(read):
    value = {"text": "x" * 5 * payloads.CHUNK}
    assert read(orjson.dumps(value) + b"\n" + orjson.dumps(value)) == [(1, value), (2, value)]


@given(values=st.lists(DOCUMENTS, min_size=1, max_size=5), spaced=st.booleans())
def test_many_lines_at_once_are_read_as_one_by_one(values: list[Any], spaced: bool):
    lines = [json.dumps(v, ensure_ascii=False) if spaced else orjson.dumps(v).decode()
             for v in values]  # fmt: skip
    try:
        raws = [line.encode() for line in lines]
    except UnicodeEncodeError:
        return
    at_once = payloads._values(raws, b"\n".join(raws))
    assert at_once is None or at_once == [parse(raw) for raw in raws]


@given(
    keys=st.lists(KEYS, min_size=2, max_size=4),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (", ", ":"), (" ,", ": ")]),
)
def test_no_spacing_hides_a_repeated_key(keys: list[str], separators: tuple[str, str]):
    comma, colon = separators
    members = (f"{json.dumps(key, ensure_ascii=False)}{colon}{n}" for n, key in enumerate(keys))
    line = f"{{{comma.join(members)}}}".encode()
    value = payloads._value(line)
    assert isinstance(value, Unread) is (len(set(keys)) < len(keys))
    if not isinstance(value, Unread):
        assert value == parse(line)
    else:
        with pytest.raises(Unreadable):
            parse(line)
