"""Whatever comes, at whichever vendor: no 5xx, the vendor's own form, always an explanation."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from copy import copy
from functools import cache
from itertools import islice
from typing import Any

import pytest

from sandbox.app import Sandbox, create_app
from sandbox.body import LARGEST
from tests.sandbox.matrix import ENDPOINTS, Place, explained, known_answer, send, valid_bodies

JSON = {"content-type": "application/json"}
GZIP = {**JSON, "content-encoding": "gzip"}


@cache
def huge() -> bytes:
    return b'{"a": "' + b"a" * LARGEST + b'"}'


@cache
def bomb() -> bytes:
    zipper = zlib.compressobj(9, wbits=31)
    return zipper.compress(bytes(2 * LARGEST)) + zipper.flush()


async def chunked() -> AsyncIterator[bytes]:
    for part in (b'{"a"', b": [", b"1, 2", b"]}"):
        yield part


async def endless() -> AsyncIterator[bytes]:
    for _ in range(36):
        yield b" " * 2**20


Requests = dict[str, dict[str, Any]]
Body = tuple[dict[str, str], Callable[[], Any]]


def plain(raw: bytes, **headers: str) -> Body:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {**JSON, **named}, lambda: raw


BODIES: dict[str, Body] = {
    "empty": plain(b""),
    "blank": plain(b" \n"),
    "cut off": plain(b'{"events": ['),
    "not json": plain(b"<events/>"),
    "trailing": plain(b"{}{}"),
    "null": plain(b"null"),
    "true": plain(b"true"),
    "number": plain(b"1e400"),
    "text": plain(b'"events"'),
    "list": plain(b"[]"),
    "object": plain(b"{}"),
    "list of lists": plain(b"[[], [[]]]"),
    "list of nulls": plain(b"[null, null]"),
    "null keys": plain(b'{"events": null, "batch": null, "type": null, "customer": null}'),
    "wrong lists": plain(b'{"events": {}, "batch": "x", "data": [1, "a", null, []]}'),
    "NaN": plain(b'{"a": NaN}'),
    "repeated key": plain(b'{"a": 1, "a": 2}'),
    "lone surrogate": plain(b'{"a": "\\ud800"}'),
    "bad utf-8": plain(b'{"a": "\xff"}'),
    "utf-16": plain("{}".encode("utf-16")),
    "nul": plain(b'{"a\\u0000": "\\u0000"}'),
    "deep lists": plain(b"[" * 100_000),
    "deep objects": plain(b'{"a":' * 900 + b"1" + b"}" * 900),
    "deep and whole": plain(b"[" * 900 + b"]" * 900),
    "long number": plain(b"9" * 10_000),
    "form": plain(b"a=1&b=2", content_type="application/x-www-form-urlencoded"),
    "text/plain": plain(b"{}", content_type="text/plain"),
    "odd content type": plain(b"{}", content_type='application/json; charset="x'),
    "multipart without boundary": plain(b"--", content_type="multipart/form-data"),
    "unknown encoding": plain(b"{}", content_encoding="br"),
    "not gzip": plain(b"{}", content_encoding="gzip"),
    "gzip cut off": (GZIP, lambda: gzip.compress(b'{"a": 1}')[:-9]),
    "gzip of nothing": (GZIP, lambda: gzip.compress(b"")),
    "gzip bomb": (GZIP, bomb),
    "huge": (JSON, huge),
    "chunked": (JSON, chunked),
    "chunked and huge": (JSON, endless),
}

HEAVY = ("gzip bomb", "huge", "chunked and huge")

KEYS: dict[str, dict[str, str]] = {
    "none": {},
    "empty": {"authorization": "", "x-api-key": ""},
    "short": {"authorization": "Bearer x", "x-api-key": "x"},
    "bearer alone": {"authorization": "Bearer "},
    "basic alone": {"authorization": "Basic"},
    "not base64": {"authorization": "Basic ====", "x-api-key": "===="},
    "base64 of bytes": {"authorization": "Basic //79/A=="},
    "non-ascii": {"authorization": "Bearer cl\xe9", "x-api-key": "cl\xe9"},
    "basic non-ascii": {"authorization": "Basic Y2zDqTo="},
    "spaces": {"authorization": "Bearer  a b  c ", "x-api-key": " a b "},
    "10 kB": {"authorization": f"Bearer {'k' * 10_240}", "x-api-key": "k" * 10_240},
    "bad": {"authorization": "Bearer bad_key", "x-api-key": "bad_key"},
    "another scheme": {"authorization": 'Digest username="x"'},
    "a line": {"authorization": "Bearer a\tb"},
}


@pytest.fixture(scope="module")
def house() -> Sandbox:
    return create_app()


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
PATHS = (
    "/no/such/path",
    "/",
    "",
    "//",
    "/..%2f..%2fetc/passwd",
    "/%00",
    "/a%0Ab",
    "/%ff%fe",
    "/caf%C3%A9",
    "/" + "a" * 8_000,
    "/{id}",
    "/?a=%zz&%00=&a&=&b=%ff",
)
QUERIES = ("?a=%zz", "?debug=maybe", "?limit=-1&page=x", "?%00=%ff", "?&&==")

every_endpoint = pytest.mark.parametrize("place", ENDPOINTS)


def held(house: Sandbox, place: Place, asked: Requests, *, in_contract: bool = True) -> None:
    """Each of these requests, told by its name, gets an answer as it must be."""
    for name, sent in zip(asked, send(house, place, *asked.values()), strict=True):
        try:
            explained(sent, place.endpoint)
            if in_contract:
                known_answer(sent, place.endpoint)
        except AssertionError as fault:
            raise AssertionError(f"{name}: {fault}") from fault


@every_endpoint
def test_a_bad_body_is_answered_from_the_contract_and_explained(
    house: Sandbox, place: Place
) -> None:
    mine = place.headers(place.contract.key("somebody"))
    asked: Requests = {
        name: {"headers": [*mine.items(), *headers.items()], "content": body()}
        for name, (headers, body) in BODIES.items()
        if place.endpoint.request is not None or name not in HEAVY
    }
    held(house, place, asked)


@every_endpoint
def test_an_odd_credential_is_answered_from_the_contract_and_explained(
    house: Sandbox, place: Place
) -> None:
    asked: Requests = {}
    for name, headers in KEYS.items():
        pairs = [(k.encode(), v.encode("latin-1")) for k, v in {**JSON, **headers}.items()]
        asked[name] = {"headers": pairs, "content": b"{}"}
    held(house, place, asked)


@every_endpoint
def test_any_method_on_a_known_path_is_answered_and_explained(house: Sandbox, place: Place) -> None:
    asked: Requests = {method: {"method": method, "content": b"[]"} for method in METHODS}
    held(house, place, asked, in_contract=False)


@every_endpoint
def test_a_head_request_is_answered_without_a_body(house: Sandbox, place: Place) -> None:
    [sent] = send(house, place, {"method": "HEAD"})
    assert (sent.answer.status_code < 500, sent.answer.content) == (True, b"")


@every_endpoint
def test_an_unknown_path_is_answered_and_explained(house: Sandbox, place: Place) -> None:
    asked: Requests = {
        f"{method} {path[:20]}": {"method": method, "path": path, "content": b"{}"}
        for path in PATHS
        for method in ("GET", "POST")
    }
    held(house, place, asked, in_contract=False)


@every_endpoint
def test_an_odd_query_is_answered_from_the_contract_and_explained(
    house: Sandbox, place: Place
) -> None:
    asked: Requests = {query: {"path": place.path() + query, "json": {}} for query in QUERIES}
    held(house, place, asked)


MISSING = object()
WRONG: list[Any] = [
    None,
    True,
    0,
    -1.5,
    2**63,
    1e300,
    "",
    "text",
    "\0",
    "7",
    "x" * 3_000,
    [],
    [None],
    {},
    {"$ref": "#"},
]


def mutated(body: Any, at: set[tuple[Any, ...]]) -> Iterator[tuple[str, Any]]:
    """The body with something wrong at each of these places in turn: another value, or none."""
    for place in sorted(at, key=str):
        for wrong in (*WRONG, MISSING):
            yield f"{place} = {wrong!r:.40}", spoilt(body, place, wrong)


def spoilt(node: Any, at: tuple[Any, ...], wrong: Any) -> Any:
    """A copy with something wrong at one place; what lies beside it is shared."""
    if not at:
        return wrong
    changed = copy(node)
    inner = spoilt(node[at[0]], at[1:], wrong)
    if inner is MISSING:
        del changed[at[0]]
    else:
        changed[at[0]] = inner
    return changed


def _places(node: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    inner = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node[:2])
        if isinstance(node, list)
        else ()
    )
    for key, value in inner:
        yield from _places(value, (*at, key))


WITH_BODY = [param for param in ENDPOINTS if param.values[0].endpoint.request is not None]  # type: ignore[union-attr]  # places, all of them


@pytest.mark.parametrize("place", WITH_BODY)
def test_a_wrong_type_at_any_field_is_answered_from_the_contract_and_explained(
    house: Sandbox, place: Place
) -> None:
    """Four of the vendor's own case bodies, spoilt at each place in turn that no other was."""
    spoiling = list(islice(fresh(valid_bodies(place, house)), 4))
    assert spoiling, "no case of the vendor sends this endpoint a body"
    for path, body, places in spoiling:
        asked: Requests = {
            what: {"path": path, "json": wrong} for what, wrong in mutated(body, places)
        }
        held(house, place, asked)


def fresh(bodies: Iterator[dict[str, Any]]) -> Iterator[tuple[str, Any, set[tuple[Any, ...]]]]:
    """Small bodies with their paths and the places that none before them had."""
    seen: set[tuple[Any, ...]] = set()
    for valid in bodies:
        places = set(_places(valid["json"], ())) - seen
        if places and len(json.dumps(valid["json"])) < 1_000:
            seen |= places
            yield valid["path"], valid["json"], places
