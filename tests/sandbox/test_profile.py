"""Profile `contract`: the request is checked, every operation answers, and no rule refuses."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.model import BadValue, Endpoint
from contracts.sample import sample
from sandbox.app import Options, Sandbox, create_app
from sandbox.config import load
from tests.acme import NOW, inside, usage
from tests.conftest import Ask, Make
from tests.sandbox.matrix import ENDPOINTS, Place, Sent, known_answer, send

HOME = "/_meterbox/accounts/acme"
every_endpoint = pytest.mark.parametrize("place", ENDPOINTS)


@pytest.fixture(scope="module")
def house() -> Sandbox:
    return create_app(Options(profile="contract", source=lambda: NOW))


@pytest.fixture
def lenient(made: Make) -> Sandbox:
    return made(profile="contract", source=lambda: NOW)


def asked(sandbox: Sandbox, key: str, *requests: tuple[str, str, Any]) -> list[httpx.Response]:
    async def run() -> list[httpx.Response]:
        async with inside(sandbox, headers={"authorization": f"Bearer {key}"}) as client:
            return [await client.request(m, path, json=body) for m, path, body in requests]

    return asyncio.run(run())


def bodies(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    """Requests that conform and are of nothing that exists; forms are not made here."""
    if endpoint.request is None:
        yield {}
    elif "application/json" in endpoint.media:
        for seed in ("a", "b", "c"):
            yield {"json": sample(endpoint.request, seed)}


def refusals(sandbox: Sandbox, place: Place) -> list[Sent]:
    """Two answers to each request: the second sees what the first may have left."""
    twice = [body for body in bodies(place.endpoint) for _ in range(2)]
    return send(sandbox, place, *twice)


@every_endpoint
def test_every_operation_answers_from_its_contract(house: Sandbox, place: Place) -> None:
    for sent in refusals(house, place):
        assert 200 <= sent.answer.status_code < 300, sent.answer.text
        known_answer(sent, place.endpoint)


@every_endpoint
def test_a_yes_in_place_of_a_refusal_names_the_rule_that_refuses(
    house: Sandbox, place: Place
) -> None:
    faithful = create_app(Options(source=lambda: NOW))
    for strict, mild in zip(refusals(faithful, place), refusals(house, place), strict=True):
        if strict.answer.status_code >= 400:
            assert [f["rule"] for f in mild.exchange["findings"]] == [
                f["rule"] for f in strict.exchange["findings"]
            ]
            found = mild.exchange["findings"][0]["message"]
            assert found.startswith("overlooked by the profile contract: ")


@every_endpoint
def test_who_shows_no_key_is_refused_all_the_same(house: Sandbox, place: Place) -> None:
    if place.endpoint.public or house.accounts.rooms[place.contract.vendor].tolerates:
        return
    [sent] = send(house, place, {"headers": {}, "json": {}})
    assert sent.exchange["verdict"] == "refused"


def test_what_is_there_is_answered_and_what_is_not_is_made_up(lenient: Sandbox, key: str) -> None:
    sent, there, nowhere, again = asked(
        lenient,
        key,
        ("POST", "/acme/usage", {"events": [usage("e1", 5)]}),
        ("GET", "/acme/usage/e1", None),
        ("GET", "/acme/usage/made-up", None),
        ("GET", "/acme/usage/made-up", None),
    )
    assert (sent.status_code, there.json()) == (200, usage("e1", 5))
    assert (nowhere.status_code, nowhere.json()["id"]) == (200, "made-up")
    assert nowhere.content == again.content


def test_the_contract_itself_still_refuses(lenient: Sandbox, key: str) -> None:
    wrong, unread, astray = asked(
        lenient,
        key,
        ("POST", "/acme/usage", {"events": [{"id": 7}]}),
        ("POST", "/acme/usage", None),
        ("GET", "/acme/nothing", None),
    )
    assert (wrong.status_code, unread.status_code, astray.status_code) == (400, 400, 404)


def test_what_a_rule_refuses_is_answered_and_not_billed(lenient: Sandbox, key: str) -> None:
    account = lenient.accounts.open("acme", key)
    account.set("acme.usage.most", 0)
    [sent] = asked(lenient, key, ("POST", "/acme/usage", {"events": [usage()]}))
    exchange = account.journal.get(1)
    assert exchange is not None
    assert (sent.status_code, exchange.verdict) == (200, "not billed")
    assert [(f.rule, f.message) for f in exchange.findings] == [
        ("acme.usage.most", "overlooked by the profile contract: too many events")
    ]
    assert account.ledger.totals() == []
    assert account.state.events == {}


def test_a_204_is_answered_without_a_body(lenient: Sandbox, key: str) -> None:
    [gone] = asked(lenient, key, ("DELETE", "/acme/usage/made-up", None))
    assert (gone.status_code, gone.content) == (204, b"")


def test_limits_and_faults_still_strike(lenient: Sandbox, key: str) -> None:
    account = lenient.accounts.open("acme", key)
    account.set("acme.rate-limits", "trial")
    first, second = asked(lenient, key, *[("GET", "/acme/usage/made-up", None)] * 2)
    assert (first.status_code, second.status_code) == (200, 429)


def test_the_profile_of_an_account_is_shown_changed_and_reset(ask: Ask, key: str) -> None:
    at = f"{HOME}/{key}"
    assert ask("GET", f"{at}/profile").json() == {"profile": "faithful"}
    assert ask("GET", "/acme/usage/made-up").status_code == 404
    assert ask("PUT", f"{at}/profile", json={"profile": "contract"}).json() == {
        "profile": "contract"
    }
    assert ask("GET", "/acme/usage/made-up").status_code == 200
    ask("POST", f"{at}/reset")
    assert ask("GET", "/acme/usage/made-up").status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"profile": "lax"}, "profile: 'lax' is not one of faithful, contract."),
        ({}, "profile: None is not one of faithful, contract."),
        ({"profile": ["contract"]}, "is not one of faithful, contract."),
        ({"profil": "contract"}, "Did you mean 'profile'?"),
    ],
)
def test_a_profile_that_cannot_be_changes_nothing(ask: Ask, key: str, body: Any, said: str) -> None:
    answer = ask("PUT", f"{HOME}/{key}/profile", json=body)
    assert (answer.status_code, said in answer.text) == (400, True)
    assert ask("GET", f"{HOME}/{key}/profile").json() == {"profile": "faithful"}


def test_a_durable_account_is_rebuilt_with_its_profile(made: Make, tmp_path: Path) -> None:
    key = f"ak_{uuid.uuid4().hex}"
    first = made(data_dir=tmp_path, source=lambda: NOW)
    asked(
        first,
        key,
        ("PUT", f"{HOME}/{key}/profile", {"profile": "contract"}),
        ("GET", "/acme/usage/made-up", None),
    )
    again = made(data_dir=tmp_path, source=lambda: NOW)
    assert again.accounts.open("acme", key).profile == "contract"
    [health] = asked(again, key, ("GET", "/_meterbox/health", None))
    assert health.json()["rebuilt"] == {"exchanges": 1, "acts": 1, "different": 0, "unknown": 0}


def test_a_process_of_an_unknown_profile_does_not_start() -> None:
    with pytest.raises(BadValue, match="'lax' is not one of faithful, contract"):
        create_app(Options(profile="lax"))  # type: ignore[arg-type]  # what is wrong is tried


def test_the_profile_is_configured() -> None:
    assert load(None, {}).server.profile == "faithful"
    assert load(None, {"METERBOX_SERVER__PROFILE": "contract"}).server.profile == "contract"
