"""An Idempotency-Key gives the first reply again and does nothing twice."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.account import Account
from sandbox.app import Sandbox
from sandbox.faults import Fault
from sandbox.idempotency import Policy
from sandbox.proving.hurry import hurried
from tests.acme import NOW, inside, usage
from tests.conftest import Ask, Make


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


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_key_is_none(ask: Ask, acme: Sandbox, account: Account, empty: str) -> None:
    post(ask, account, empty, usage("a"))
    again = post(ask, account, empty, usage("b"))
    assert (again.status_code, "idempotency-key" in again.headers) == (200, False)
    assert "idempotency-key" not in post(ask, account, empty, usage(quantity=-1)).headers
    account.faults.add(Fault("delay", seconds=0.2))
    assert [answer.status_code for answer in at_once(acme, account, empty, empty)] == [200, 200]
    assert not account.replays
    assert billed(account) == [3]


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


def at_once(acme: Sandbox, account: Account, *keys: str | None) -> list[httpx.Response]:
    """Requests with these keys, begun in this order, the next while the last is under way. Time is
    made up, so that they are so on a busy machine too."""

    async def run() -> list[httpx.Response]:
        async with inside(acme, headers={"authorization": f"Bearer {account.key}"}) as client:
            sent = []
            for key in keys:
                headers = {} if key is None else {"idempotency-key": key}
                body = {"events": [usage()]}
                post = client.post("/acme/usage", json=body, headers=headers)
                sent.append(asyncio.create_task(post))
                await asyncio.sleep(0.05)
            return await asyncio.gather(*sent)

    return hurried(run())


def test_while_the_first_is_under_way_a_second_with_its_key_is_refused(
    acme: Sandbox, account: Account
) -> None:
    account.faults.add(Fault("delay", seconds=0.3))
    first, second, other, none = at_once(acme, account, "one", "one", "two", None)
    assert (second.status_code, second.json()) == (409, {"error": "one is under way"})
    assert second.headers["idempotency-key"] == "one"
    assert [answer.status_code for answer in (first, other, none)] == [200] * 3
    assert "replayed" not in first.headers
    told = {e.fault.kind if e.fault else None for e in account.journal.after(0)}
    assert told == {"delay", "in-flight", None}
    assert not account.in_flight


def test_of_two_that_are_delayed_the_first_is_carried_out_and_the_second_refused_or_replayed(
    acme: Sandbox, account: Account
) -> None:
    account.faults.add(Fault("delay", seconds=0.3))
    account.faults.add(Fault("delay", seconds=0.1))
    first, second = at_once(acme, account, "one", "one")
    assert (first.status_code, second.status_code) == (200, 409)
    account.faults.add(Fault("delay", seconds=0.1))
    account.faults.add(Fault("delay", seconds=0.3))
    first, second = at_once(acme, account, "two", "two")
    assert (first.status_code, second.headers["replayed"]) == (200, "true")


def test_the_refused_one_may_be_sent_again_and_gets_the_first_reply(
    acme: Sandbox, ask: Ask, account: Account
) -> None:
    account.faults.add(Fault("delay", seconds=0.2))
    first, _ = at_once(acme, account, "one", "one")
    again = post(ask, account, "one")
    assert (again.content, again.headers["replayed"]) == (first.content, "true")
    assert billed(account) == [1]


def test_a_fault_makes_a_key_be_under_way(ask: Ask, account: Account) -> None:
    account.faults.add(Fault("in-flight"))
    refused = post(ask, account, "one")
    assert (refused.status_code, refused.json()) == (409, {"error": "one is under way"})
    [told] = account.journal.after(0)
    assert [f.rule for f in told.findings] == ["acme.idempotency"]
    assert "replayed" not in post(ask, account, "one").headers


def test_a_durable_account_is_rebuilt_as_it_was_though_two_came_at_once(
    made: Make, tmp_path: Path, key: str
) -> None:
    def house() -> Sandbox:
        return made(data_dir=tmp_path, source=lambda: NOW)

    first = house()
    account = first.accounts.open("acme", key)
    account.faults.add(Fault("delay", seconds=0.2))
    answers = at_once(first, account, "one", "one")
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    again = house().accounts.open("acme", key)
    assert [e.reply for e in again.journal.after(0)] == [e.reply for e in account.journal.after(0)]
    assert billed(again) == [1]


def test_a_policy_without_a_longest_key_takes_any() -> None:
    policy = Policy(rule="r", kept=timedelta(), misused=lambda _: None)  # type: ignore[arg-type,return-value]  # never asked
    assert (policy.longest, policy.too_long) == (None, None)
