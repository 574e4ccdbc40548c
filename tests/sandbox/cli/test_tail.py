"""`meterbox tail`: every exchange once, in order; what is wrong in one line."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from sandbox.account import Accounts
from sandbox.app import Sandbox
from sandbox.cli.tail import followed
from sandbox.journal import Journal
from sandbox.reply import Decision, Reply, Request
from sandbox.server import Running
from tests.acme import NOW
from tests.sandbox.cli.conftest import Run


@pytest.fixture
def running(acme: Sandbox) -> Iterator[Running]:
    """A sandbox of its own: `acme`, whose `accounts` these are."""
    with Running(acme) as running:
        yield running


def happen(accounts: Accounts, count: int) -> None:
    """So many exchanges of one account."""
    told = accounts.open("acme", "ak_one").record(
        Request("GET", "/status"), "status", Decision(Reply(200)), NOW
    )
    for _ in range(count):
        accounts.feed.append(replace(told))


def numbers(page: list[dict[str, Any]]) -> list[int]:
    return [exchange["number"] for exchange in page]


def test_the_past_is_shown_by_its_newest(running: Running, accounts: Accounts, run: Run) -> None:
    happen(accounts, 1_200)
    shown = run("tail", "--url", running.url, "--once", "--last", "3", "--json")
    assert shown.exit_code == 0, shown.output
    told = [json.loads(line) for line in shown.stdout.splitlines()]
    assert numbers(told) == [1198, 1199, 1200]
    lines = run("tail", "--url", running.url, "--once").stdout.splitlines()
    assert len(lines) == 10
    assert "/status" in lines[0]
    assert run("tail", "--url", running.url, "--once", "--last", "0").stdout == ""


def test_it_follows_without_gaps(running: Running, accounts: Accounts) -> None:
    happen(accounts, 1_200)
    with httpx.Client(base_url=running.url, trust_env=False) as client:
        pages = followed(client, {}, last=5, wait=0)
        assert numbers(next(pages)) == list(range(1_196, 1_201))
        happen(accounts, 2_500)
        seen = [number for _ in range(4) for number in numbers(next(pages))]
    assert seen == list(range(1_201, 3_701))


@pytest.mark.parametrize("before", [0, 10])
def test_what_was_dropped_meanwhile_is_told(
    running: Running, accounts: Accounts, capsys: pytest.CaptureFixture[str], before: int
) -> None:
    accounts.feed = Journal(kept=20)
    happen(accounts, before)
    with httpx.Client(base_url=running.url, trust_env=False) as client:
        pages = followed(client, {}, last=5, wait=0)
        next(pages)
        happen(accounts, 25)
        assert numbers(next(pages)) == list(range(before + 6, before + 26))
    assert capsys.readouterr().err == "meterbox: 5 exchanges were gone before they were shown.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--vendor", "nope"), "answers 400: vendor: there is no 'nope'. Known: acme."),
        (("--vendor", "acne"), "answers 400: vendor: there is no 'acne'. Did you mean 'acme'?"),
    ],
)
def test_a_vendor_that_is_not_there_is_one_line(
    running: Running, run: Run, arguments: tuple[str, ...], said: str
) -> None:
    told = run("tail", "--url", running.url, *arguments)
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr == f"meterbox: {running.url} {said}\n"


@pytest.mark.parametrize(
    "url", ["notaurl", "", "ftp://x", "http://", "http://a:b", "localhost:4020"]
)
def test_what_is_no_address_is_one_line(run: Run, url: str) -> None:
    told = run("tail", "--url", url)
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr == (f"meterbox: {url!r} is not an address such as http://127.0.0.1:4020.\n")


def test_where_nobody_answers_one_line_says_how_to_start(run: Run) -> None:
    told = run("tail", "--url", "http://127.0.0.1:1")
    assert told.exit_code == 2
    assert told.stderr.startswith("meterbox: No sandbox answers at http://127.0.0.1:1: ")
    assert told.stderr.endswith(". Start one with: meterbox up\n")
    assert ".. " not in told.stderr


@pytest.mark.parametrize(
    ("status", "media", "text"),
    [
        (404, "text/html", "<!doctype html>\n<h1>Not here</h1>\n" * 50),
        (200, "text/html", "<!doctype html>"),
        (200, "application/json", "[]"),
        (200, "application/json", '{"exchanges": 3}'),
        (500, "application/json", '{"error": {"code": 7}}'),
        (302, "text/plain", ""),
    ],
)
def test_another_server_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, status: int, media: str, text: str
) -> None:
    def answers(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"content-type": media}, text=text)

    made = httpx.Client
    monkeypatch.setattr(
        httpx, "Client", lambda **more: made(transport=httpx.MockTransport(answers), **more)
    )
    told = run("tail", "--url", "http://localhost:8080")
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr == (
        f"meterbox: http://localhost:8080 is no meterbox: it answers {status}, {media}.\n"
    )
