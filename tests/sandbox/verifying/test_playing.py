"""A played case tells wherever the target does otherwise: in steps, answer, or behind it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from contracts.cases import NOW, Case, read_cases
from contracts.reader import read
from sandbox.app import Options, create_app
from sandbox.verifying.asking import Answer, Asked
from sandbox.verifying.comparison import Comparison
from sandbox.verifying.indoors import Indoors, Room
from sandbox.verifying.playing import Player
from sandbox.verifying.verification import chosen

CASES = {case.name: case for case in read_cases(read("orb"))}
PLAYER = Player(read("orb"))


@pytest.fixture(scope="module")
def indoors() -> Iterator[Indoors]:
    with Indoors.opened(create_app(Options(vendors=["orb"], source=lambda: NOW))) as opened:
        yield opened


def played(indoors: Indoors, case: Case) -> list[str]:
    room = Room(indoors, read("orb"), uuid.uuid4().hex, "run1")
    return [str(found).partition(":")[0] for found in PLAYER.play(case, room)]


def changed(name: str, **fields: Any) -> Case:
    return replace(CASES[name], **fields)


def first(**has: Any) -> str:
    """The first case that has all of these."""
    return next(n for n, case in CASES.items() if all(getattr(case, name) for name in has))


@pytest.mark.parametrize(
    ("what", "told", "path"),
    [
        ("findings", [{"path": "$", "rule": "orb.nothing"}], "findings"),
        ("totals", [{"customer": "x", "meter": "y", "quantity": 1, "events": 1}], "totals"),
        ("outcomes", {"nobody": "accepted"}, "outcomes"),
        ("shows", {"show-metrics": {"no": "such"}}, "show"),
    ],
)
def test_what_is_behind_an_answer_is_looked_at(
    indoors: Indoors, what: str, told: Any, path: str
) -> None:
    name = first(**{what: True})
    if what == "shows":
        told = {shown: {"no": "such"} for shown in CASES[name].shows or {}}
    assert played(indoors, CASES[name]) == []
    found = played(indoors, changed(name, **{what: told}))
    assert found
    assert what == "shows" or all(one.startswith(path) for one in found)


def test_an_answer_is_held_to_the_case_and_to_the_contract(indoors: Indoors) -> None:
    case = CASES["backfill-create"]
    assert played(indoors, case) == []
    other = {"status": 201, "headers": {"content-type": "text/css"}, "json": {"id": 1}}
    found = played(indoors, replace(case, response=other))
    assert {"status", "header content-type", "$.id"} <= set(found)

    class Odd(Room):
        def ask(self, request: Asked, expected: int | None) -> Answer:
            return replace(super().ask(request, expected), body=b'{"id": 7}')

    loose = replace(case, response={"status": 200}, findings=None, totals=None)
    odd = Odd(indoors, read("orb"), "odd", "run1")
    assert any("is not of type 'string'" in str(found) for found in PLAYER.play(loose, odd))


@pytest.mark.parametrize(
    ("media", "body", "told"),
    [
        ("text/html", b"<h1>Well</h1>", "$: expected JSON, got '<h1>Well</h1>'"),
        ("application/json", b"", "$: expected JSON, got ''"),
        ("application/json", b"[" * 100_000, "$: expected JSON, got '[[[["),
        ("text/html", None, "header content-type: expected 'application/json', got 'text/html'"),
    ],
)
def test_an_answer_of_another_form_than_the_contracts_differs(
    indoors: Indoors, media: str, body: bytes | None, told: str
) -> None:
    """Also where the case has nothing but a status."""

    class Odd(Room):
        def ask(self, request: Asked, expected: int | None) -> Answer:
            given = super().ask(request, expected)
            text = given.body if body is None else body
            return replace(given, body=text, headers={"content-type": media})

    case = replace(CASES["customer-create"], response={"status": 201}, findings=None, totals=None)
    found = PLAYER.play(case, Odd(indoors, read("orb"), uuid.uuid4().hex, "run1"))
    assert [str(one) for one in found if str(one).startswith(told)] != []


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"status": 418}, ["given[1] status"]),
        ({"status": 201, "keep": {"x": "no.such"}}, ["given[1] $.no.such"]),
    ],
)
def test_a_step_that_goes_otherwise_ends_the_case(
    indoors: Indoors, step: dict[str, Any], told: list[str]
) -> None:
    asked = {"method": "POST", "path": "/v1/customers", "json": {"name": "A", "email": "a@b.test"}}
    case = replace(CASES["backfill-create"], given=[{"request": asked, **step}], totals=None)
    assert played(indoors, case) == told


def test_cases_are_chosen_by_name_or_by_rule() -> None:
    orb = read("orb")
    by_rule = chosen(orb, ["orb.backfill.clos*"])
    assert by_rule
    assert all(any(rule.startswith("orb.backfill.clos") for rule in c.rules) for c in by_rule)
    assert [case.name for case in chosen(orb, ["ingest-one"])] == ["ingest-one"]
    assert chosen(orb, []) == read_cases(orb)


def entry(status: int, body: str) -> dict[str, Any]:
    asked = {"method": "GET", "path": "/v1/ping", "query": "", "headers": {}, "body": ""}
    answered = {"status": status, "headers": {}, "body": body}
    return {"now": NOW.isoformat(), "asked": asked, "answered": answered, "milliseconds": 1}


def test_what_follows_an_answer_of_another_status_is_no_change_of_its_own() -> None:
    def line(*entries: dict[str, Any]) -> dict[str, Any]:
        return {"case": "x", "at": NOW.isoformat(), "run": "r", "entries": [*entries]}

    old = line(entry(200, "{}"), entry(200, '{"a": 1}'), entry(200, '{"b": 1}'))
    new = line(entry(200, "{}"), entry(400, '{"a": 2}'), entry(404, '{"c": 1}'))
    (seen,) = Comparison(read("orb"), {}).of(old, new)
    assert [(change.kind, change.old, change.new) for change in seen.changes] == [
        ("status", 200, 400)
    ]
