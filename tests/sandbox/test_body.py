"""Bodies are read strictly: what is not one well-formed JSON value is refused, and says why."""

import gzip
import json
import resource
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.body import LARGEST, Unreadable, content, document, parse
from sandbox.reply import Request

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
LAYOUTS: list[dict[str, Any]] = [
    {},
    {"indent": 2},
    {"separators": (",", ":")},
    {"ensure_ascii": False},
]


def request(body: bytes, encoding: str | None = None) -> Request:
    headers = {} if encoding is None else {b"content-encoding": encoding.encode()}
    return Request("POST", "/", headers=headers, body=body)


def refused(raw: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        parse(raw)
    assert caught.value.fault == "malformed"
    return caught.value.why


@given(JSON, st.sampled_from(LAYOUTS))
def test_a_valid_document_means_what_json_says_it_means(value: Any, layout: dict[str, Any]) -> None:
    text = json.dumps(value, **layout)
    try:
        raw = text.encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8
        return
    assert parse(raw) == json.loads(text)


@pytest.mark.parametrize(
    "raw",
    [
        b"NaN",
        b'{"a": NaN}',
        b'{"a":-Infinity}',
        b"[Infinity]",
        b"",
        b"  ",
        b"{",
        b'{"a": 1}}',
        b'{"a": 1} {"b": 2}',
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": 01}',
        b'{"a": .5}',
        b'{"a": 1.}',
        b'"\xff"',
        b'"\xc3"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'{"\\udc00": 1}',
        b'"a\nb"',
        b"\xef\xbb\xbf{}",
        b"true false",
        b"// no\n1",
        "{}".encode("utf-16"),
    ],
)
def test_what_is_not_json_is_malformed(raw: bytes) -> None:
    assert "the body is not JSON" in refused(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{ "a": 1, "b": 2, "a": 1 }',
        b'[{"x":{"y":[{"a":1,"a":1}]}}]',
        b'{"events": [ {"a": 1}, {"a": 1,\n "a": 2} ]}',
        b'{"\\u0061":1,"a":1}',
        b'{"a":1e2,"b":{"a":0.50,"a":0.5}}',
    ],
)
def test_a_key_given_twice_in_one_object_is_refused_by_its_name(raw: bytes) -> None:
    assert refused(raw) == "the body is not JSON: the key 'a' is given twice in one object"


@given(JSON, st.text(min_size=1), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_no_repeated_key_goes_unseen(value: Any, key: str, marks: tuple[str, str]) -> None:
    member = json.dumps(key) + marks[1] + json.dumps(value)
    text = '{"deep":[{' + member + marks[0] + member + "}]}"
    with pytest.raises(Unreadable):
        parse(text.encode())


def test_equal_keys_in_different_objects_are_no_repetition() -> None:
    assert parse(b'[{"a":{"a":1}}, {"a":2}]') == [{"a": {"a": 1}}, {"a": 2}]


@pytest.mark.parametrize("depth", [200, 500, 1_100, 100_000])
@pytest.mark.parametrize(("left", "right"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_read_or_refused_and_never_crashes(
    depth: int, left: bytes, right: bytes
) -> None:
    try:
        value = parse(left * depth + b"1" + right * depth)
    except Unreadable as fault:
        value = fault.fault
    assert value == "malformed" or isinstance(value, list | dict)


@pytest.mark.parametrize("digits", [20, 400, 5_000])
def test_a_huge_number_is_read_or_refused_and_never_crashes(digits: int) -> None:
    for raw in (b"9" * digits, b"-" + b"9" * digits, b"1e" + b"9" * digits, b"0." + b"3" * digits):
        try:
            value = parse(raw)
        except Unreadable:
            continue
        assert isinstance(value, int | float)
        assert value not in (float("inf"), float("-inf"))


@pytest.mark.parametrize("name", ["gzip", "GZIP", " gzip ", "x-gzip"])
def test_a_gzip_body_is_unzipped(name: str) -> None:
    assert document(request(gzip.compress(b'{"a":1}'), name)) == {"a": 1}


@pytest.mark.parametrize("name", [None, "", "identity"])
def test_a_body_without_an_encoding_is_as_it_is(name: str | None) -> None:
    assert content(request(b"plain", name)) == b"plain"


def test_the_members_of_a_gzip_file_are_one_body() -> None:
    """RFC 1952 section 2.2: a gzip file is a sequence of members."""
    zipped = gzip.compress(b'{"a"') + gzip.compress(b":1}")
    assert document(request(zipped, "gzip")) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{}", "not gzip"),
        (b"", "cut off"),
        (zlib.compress(b"{}"), "not gzip"),
        (gzip.compress(b"{}")[:-1], "cut off"),
        (gzip.compress(b"{}" * 5_000)[:20], "cut off"),
        (gzip.compress(b"{}")[:-8] + b"\0" * 8, "not gzip"),
        (gzip.compress(b"{}") + b"trailing", "not gzip"),
        (gzip.compress(b"{}") + gzip.compress(b"{}")[:9], "cut off"),
    ],
    ids=[
        "plain",
        "empty",
        "zlib",
        "without its last byte",
        "without its end",
        "with a wrong sum",
        "with something after it",
        "with half a member after it",
    ],
)
def test_a_gzip_body_that_cannot_be_undone_is_an_encoding_fault(body: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why) as caught:
        content(request(body, "gzip"))
    assert caught.value.fault == "encoding"


@pytest.mark.parametrize("name", ["br", "deflate", "gzip, gzip", "zstd", "\xff"])
def test_another_encoding_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(Unreadable, match="send gzip") as caught:
        content(Request("POST", "/", headers={b"content-encoding": name.encode("latin-1")}))
    assert caught.value.fault == "encoding"


def test_a_body_of_the_largest_size_is_read_and_one_byte_more_is_refused() -> None:
    largest = b'"' + b"a" * (LARGEST - 2) + b'"'
    assert len(document(request(largest))) == LARGEST - 2
    assert len(content(request(gzip.compress(largest, 1), "gzip"))) == LARGEST
    for body, encoding in [(largest + b" ", None), (gzip.compress(largest + b" ", 1), "gzip")]:
        with pytest.raises(Unreadable) as caught:
            content(request(body, encoding))
        assert caught.value.fault == "too-large"


def bomb(size: int) -> bytes:
    """So many zeros, zipped without ever holding them."""
    zipper = zlib.compressobj(1, wbits=31)
    block = bytes(1 << 24)
    return b"".join(zipper.compress(block) for _ in range(size >> 24)) + zipper.flush()


def test_a_gzip_bomb_is_refused_before_it_fills_memory() -> None:
    """What would be eight times the largest body costs no more than that one does."""
    zipped = bomb(8 * LARGEST)
    assert len(zipped) < LARGEST // 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unreadable) as caught:
        content(request(zipped, "gzip"))
    assert caught.value.fault == "too-large"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 4 * LARGEST


def test_a_bomb_of_many_small_members_is_refused_as_well() -> None:
    member = gzip.compress(bytes(1 << 20), 9)
    with pytest.raises(Unreadable) as caught:
        content(request(member * 40, "gzip"))
    assert caught.value.fault == "too-large"
