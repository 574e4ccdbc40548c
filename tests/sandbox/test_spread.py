"""What a process does with a request that is another's, and how it says so to nginx."""

from __future__ import annotations

import base64

import httpx
import pytest

from sandbox.app import Sandbox, create_app
from sandbox.auth import handle
from sandbox.spread import MISDIRECTED, OWNER, ROUTE, SEARCH
from tests.conftest import Ask

CONTROL = "/_meterbox/accounts/acme"


def hints(name: str, search: str = "@process-1") -> dict[str, str]:
    return {ROUTE: name, SEARCH: search}


def handed_on(answer: httpx.Response) -> tuple[str, str] | None:
    """The location and the name that a request is handed on to, if it is."""
    if answer.status_code != MISDIRECTED:
        return None
    assert answer.content == b""
    return answer.headers["x-accel-redirect"], answer.headers[ROUTE]


@pytest.mark.parametrize(
    ("shown", "guess", "to"),
    [
        ({"authorization": "Bearer ak_n1"}, "n1", None),
        ({"authorization": "Bearer ak_n1"}, "", (OWNER, "n1")),
        ({"authorization": "Bearer ak_n1"}, "n2", (OWNER, "n1")),
        ({"authorization": "Bearer ak_bad_n1"}, "bad_n1", (OWNER, "")),
        ({"authorization": "Bearer other"}, "other", (OWNER, "")),
        ({}, "", None),
        ({}, "n1", (OWNER, "")),
    ],
)
def test_a_request_of_another_name_is_handed_on_and_leaves_nothing(
    ask: Ask, acme: Sandbox, shown: dict[str, str], guess: str, to: tuple[str, str] | None
) -> None:
    answer = ask("GET", "/acme/usage/e1", headers={**shown, **hints(guess)})
    assert handed_on(answer) == to
    assert [len(list(account.journal.after(0))) for account in acme.accounts] == [1] * (to is None)


def test_a_name_is_spelled_as_a_header_and_as_nginx_takes_it(ask: Ask) -> None:
    answer = ask("GET", f"{CONTROL}/ak_a b%25ü", headers=hints(""))
    assert handed_on(answer) == (OWNER, "a%20b%25%C3%BC")


def test_a_key_in_a_body_is_read(ask: Ask) -> None:
    answer = ask("POST", "/acme/usage", json={"key": "ak_n1", "events": []}, headers=hints(""))
    assert handed_on(answer) == (OWNER, "n1")


def test_without_a_hint_nothing_is_handed_on(ask: Ask, acme: Sandbox) -> None:
    """A request that came by itself, or was handed on once; with the name alone it is the same."""
    headers = {"authorization": "Bearer ak_n1", ROUTE: "n2"}
    assert ask("GET", "/acme/usage/e1", headers=headers).status_code == 404


def test_the_hint_is_in_no_journal(ask: Ask, acme: Sandbox) -> None:
    ask("GET", "/acme/usage/e1", headers={"authorization": "Bearer ak_n1", **hints("n1")})
    [exchange] = acme.accounts.open("acme", "ak_n1").journal.after(0)
    assert not {ROUTE.encode(), SEARCH.encode()} & exchange.request.headers.keys()


def test_a_control_request_is_handed_on_as_the_accounts_own(ask: Ask, acme: Sandbox) -> None:
    assert handed_on(ask("GET", f"{CONTROL}/ak_n1", headers=hints("n2"))) == (OWNER, "n1")
    assert list(acme.accounts) == []
    assert ask("GET", f"{CONTROL}/ak_n1", headers=hints("n1")).status_code == 200
    # By its handle, from wherever the handle has led.
    at = f"{CONTROL}/{handle('ak_n1')}"
    assert handed_on(ask("GET", at, headers=hints("", "@process-2"))) == (OWNER, "n1")


@pytest.mark.parametrize("path", ["", "/ledger", "/exchanges", "/clock"])
def test_a_handle_that_is_not_known_is_searched_for(ask: Ask, acme: Sandbox, path: str) -> None:
    """It may be a key after all: then the owner of that name opens its account."""
    answer = ask("GET", f"{CONTROL}/0123456789{path}", headers=hints("0123456789"))
    assert handed_on(answer) == ("@process-1", "0123456789")
    assert list(acme.accounts) == []


def test_an_exchange_that_is_not_known_is_searched_for(ask: Ask) -> None:
    at = "/_meterbox/exchanges/acme-0123456789-1"
    assert handed_on(ask("GET", at, headers=hints("", "@process-2"))) == ("@process-2", "")
    assert ask("GET", at, headers={}).status_code == 404


def test_a_partners_request_is_handed_on() -> None:
    import asyncio

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            shown = "Basic " + base64.b64encode(b"n1:").decode()
            headers = {"authorization": shown, **hints("n2")}
            return await client.post("/segment/destinations/orb", json={}, headers=headers)

    assert handed_on(asyncio.run(run())) == (OWNER, "n1")
