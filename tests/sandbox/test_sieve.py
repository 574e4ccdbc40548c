"""Searching exchanges: one by one and many at once it is the same that fits."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from contracts.model import Violation
from sandbox.account import Account
from sandbox.journal import Exchange
from sandbox.reply import Decision, Effects, Reply, Request, Usage
from sandbox.sieve import sieve, sift
from tests.acme import NOW


def made(account: Account, n: int, **more: Any) -> Exchange:
    body = json.dumps({"id": f"e{n}", "customer": f"Cust-{n}"}).encode()
    headers = {}
    if n % 7 == 0:
        headers, body = {b"content-encoding": b"gzip"}, gzip.compress(body)
    path = f"/v2/Usage/{n}" if n % 5 == 0 else "/v2/usage"
    request = Request("GET" if n % 2 else "POST", path, b"a=B%20c" if n % 3 == 0 else b"")
    request.headers, request.body = headers, body
    found = (Violation("$", "no", None, "acme.usage.time"),) if n % 11 == 0 else ()
    reply = Reply.json(
        {"refused": "Straße <b>"} if n % 13 == 0 else {}, 400 if n % 13 == 0 else 200
    )
    usage = Usage(f"e{n}", f"Cust-{n}", "calls", 1)
    effects: tuple[Effects, ...] = (Effects("accepted", [usage]),) if n % 4 == 0 else ()
    effects += (Effects("late", [usage], "acme.usage.time"),) if n == 100 else ()
    return account.record(request, "record-usage", Decision(reply, effects, found), NOW)


@pytest.fixture
def rows(account: Account) -> list[tuple[int, Exchange]]:
    return [(n, made(account, n)) for n in range(300)]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"text": "cust-257"}, {257}),
        ({"text": "CUST-252"}, {252}),  # in a body that came zipped
        ({"text": "straße"}, set(range(0, 300, 13))),
        ({"text": "Straße <b> usage/130"}, {130}),
        ({"text": "usage/255"}, {255}),
        ({"text": "usage/255?a=b%20c"}, {255}),
        ({"text": "b%20c /255"}, {255}),
        ({"text": "usage.time refused"}, {0, 143, 286}),
        ({"text": "delete"}, set()),
        ({"text": "refused get"}, set(range(13, 300, 26))),
        (
            {"text": "accepted", "verdict": "accepted"},
            {n for n in range(0, 300, 4) if n % 13 and n != 100},
        ),
        ({"text": "accepted cust-1", "verdict": "refused"}, set()),
        ({"text": "record-usage nowhere"}, set()),
        ({"text": " "}, set(range(300))),
        ({}, set(range(300))),
        ({"rule": "acme.usage.time"}, {100, *range(0, 300, 11)}),
        ({"customer": "Cust-14"}, {14}),
        ({"customer": "cust-14"}, set()),
        ({"customer": "255"}, {255}),
        ({"account": "none"}, set()),
    ],
)
def test_many_are_sifted_as_each_would_be(
    rows: list[tuple[int, Exchange]], query: dict[str, str], numbers: set[int]
) -> None:
    assert {n for n, _ in sift(query)(rows)} == numbers
    assert {n for n, told in rows if sieve(query)(told)} == numbers


def test_an_exchange_is_found_by_its_id(rows: list[tuple[int, Exchange]]) -> None:
    id = rows[77][1].id
    assert [told.id for _, told in sift({"text": id})(rows)] == [id]
    assert not sieve({"text": id})(rows[78][1])
