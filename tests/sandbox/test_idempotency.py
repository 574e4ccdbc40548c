"""An Idempotency-Key gives the first reply again and does nothing twice."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx

from sandbox.account import Account
from sandbox.app import Sandbox
from sandbox.idempotency import Policy
from tests.acme import inside, usage
from tests.conftest import Ask


def post(ask: Ask, account: Account, key: str, *events: dict[str, Any], at: str = "/usage") -> Any:
    headers = {"authorization": f"Bearer {account.key}", "idempotency-key": key}
    return ask("POST", f"/acme{at}", json={"events": events or [usage()]}, headers=headers)


def billed(account: Account) -> Any:
    return [total.quantity for total in account.ledger.totals()]


def test_the_same_request_again_gets_the_first_reply(ask: Ask, account: Account) -> None:
    first, again = (post(ask, account, "one") for _ in range(2))
    assert again.content == first.content
    assert ("replayed" in first.headers, again.headers["replayed"]) == (False, "true")
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] == "one"


def test_nothing_is_done_twice_and_the_explanation_says_so(ask: Ask, account: Account) -> None:
    for _ in range(3):
        post(ask, account, "one")
    assert len(list(account.ledger.entries())) == 1
    *_, last = account.journal.after(0)
    assert [(f.rule, f.message) for f in last.findings] == [
        ("acme.idempotency", "a replay of the first reply; nothing was done again")
    ]


def test_another_request_with_the_key_is_refused(ask: Ask, account: Account) -> None:
    post(ask, account, "one", usage("a"))
    for other in ({"at": "/usage"}, {"at": "/v2/usage"}):
        refused = post(ask, account, "one", usage("b"), **other)
        assert (refused.status_code, refused.json()) == (409, {"error": "one was used"})
    assert billed(account) == [1]


def test_after_its_time_a_key_is_new(ask: Ask, account: Account) -> None:
    post(ask, account, "one")
    account.clock.advance(timedelta(hours=1))
    assert "replayed" in post(ask, account, "one").headers
    account.clock.advance(timedelta(seconds=1))
    assert "replayed" not in post(ask, account, "one").headers


def test_a_refused_request_may_be_mended_under_the_same_key(ask: Ask, account: Account) -> None:
    assert post(ask, account, "one", usage(quantity=-1)).status_code == 400
    assert post(ask, account, "one", usage()).status_code == 200


def test_a_key_too_long_is_refused(ask: Ask, account: Account) -> None:
    assert post(ask, account, "k" * 21).json() == {"error": "key too long"}
    assert post(ask, account, "k" * 20).status_code == 200


def test_keys_of_one_account_mean_nothing_to_another(
    acme: Sandbox, ask: Ask, account: Account
) -> None:
    other = acme.accounts.open("acme", f"{account.key}x")
    assert "replayed" not in post(ask, account, "one").headers
    assert "replayed" not in post(ask, other, "one").headers


def test_of_many_at_once_one_is_carried_out(acme: Sandbox, account: Account) -> None:
    async def run() -> list[httpx.Response]:
        headers = {"authorization": f"Bearer {account.key}", "idempotency-key": "one"}
        async with inside(acme, headers=headers) as client:
            sent = (client.post("/acme/usage", json={"events": [usage()]}) for _ in range(20))
            return await asyncio.gather(*sent)

    answers = asyncio.run(run())
    assert len({answer.content for answer in answers}) == 1
    assert sum("replayed" not in answer.headers for answer in answers) == 1
    assert billed(account) == [1]


def test_a_policy_without_a_longest_key_takes_any() -> None:
    policy = Policy(rule="r", kept=timedelta(), misused=lambda _: None)  # type: ignore[arg-type,return-value]  # never asked
    assert (policy.longest, policy.too_long) == (None, None)
