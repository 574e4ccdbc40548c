"""Faults strike when they are set to, as often as they are set to, before or after applying."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from contracts.model import BadValue, UnknownSetting
from sandbox.account import Account
from sandbox.app import Sandbox
from sandbox.faults import Fault, Faults
from sandbox.server import Running
from tests.acme import NOW, inside, usage


def struck(*faults: Fault, requests: int = 5, endpoint: str | None = "record-usage") -> list[str]:
    """Which fault struck each request, by kind."""
    set_up = Faults()
    for fault in faults:
        set_up.add(fault)
    strikes = [set_up.strike(endpoint, NOW) for _ in range(requests)]
    return [fault.kind if fault else "-" for fault in strikes]


def test_a_fault_strikes_once_and_is_gone() -> None:
    assert struck(Fault("reset")) == ["reset", "-", "-", "-", "-"]


def test_it_strikes_so_many_times_after_letting_so_many_pass() -> None:
    assert struck(Fault("reset", times=2, skip=1)) == ["-", "reset", "reset", "-", "-"]
    assert struck(Fault("reset", skip=3)) == ["-", "-", "-", "reset", "-"]


def test_faults_strike_in_the_order_they_were_set() -> None:
    assert struck(Fault("reset"), Fault("delay")) == ["reset", "delay", "-", "-", "-"]


def test_a_fault_of_one_endpoint_spares_the_others() -> None:
    fault = Fault("reset", endpoint="status")
    assert struck(fault) == ["-"] * 5
    assert struck(fault, endpoint="status", requests=2) == ["reset", "-"]
    assert struck(fault, endpoint=None, requests=1) == ["-"]


def test_it_takes_every_nth_of_what_it_does_not_let_pass() -> None:
    fault = Fault("reset", times=None, skip=1, every=2)
    assert struck(fault, requests=6) == ["-", "-", "reset", "-", "reset", "-"]


def test_a_lot_is_drawn_from_the_seed_and_from_nothing_else() -> None:
    def drawn(seed: int) -> list[str]:
        return struck(Fault("reset", times=None, probability=0.3, seed=seed), requests=1_000)

    assert drawn(1) == drawn(1) != drawn(2)
    assert 250 < drawn(1).count("reset") < 350
    assert struck(Fault("reset", times=None, probability=0)) == ["-"] * 5


def test_it_strikes_within_its_times_and_is_gone_after_its_life() -> None:
    faults = Faults()
    since, until = NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)
    timed = Fault("reset", times=None, since=since.isoformat(), until=until.isoformat())
    faults.add(timed, NOW)
    faults.add(Fault("delay", times=None, ttl="90s"), NOW)
    seen = [faults.strike(None, NOW + timedelta(seconds=at)) for at in (0, 60, 89, 90, 119, 120)]
    kinds = [fault.kind if fault else "-" for fault in seen]
    assert kinds == ["delay", "reset", "reset", "reset", "reset", "-"]
    assert not faults


def test_what_is_of_webhooks_spares_requests() -> None:
    assert struck(Fault("duplicate-webhook")) == ["-"] * 5
    faults = Faults()
    faults.add(Fault("duplicate-webhook"))
    faults.add(Fault("reset"))
    strikes = [faults.strike_webhook(NOW) for _ in range(2)]
    assert [fault.kind if fault else "-" for fault in strikes] == ["duplicate-webhook", "-"]


def test_a_cleared_fault_never_strikes() -> None:
    faults = Faults()
    faults.add(Fault("reset", times=3))
    faults.strike(None, NOW)
    assert [(fault.kind, left) for fault, left in faults.pending()] == [("reset", 2)]
    faults.clear()
    assert (bool(faults), faults.strike(None, NOW)) == (False, None)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"kind": "explode"}, BadValue, "delay, status, reset, in-flight"),
        ({"kind": "status", "status": 199}, BadValue, "200 to 599"),
        ({"kind": "reset", "times": 0}, BadValue, "times >= 1"),
        ({"kind": "delay", "seconds": -1}, BadValue, "seconds"),
        ({"kind": "delay", "seconds": 3601}, BadValue, "seconds"),
        ({"kind": "reset", "skip": -1}, BadValue, "skip"),
        ({}, BadValue, "kind"),
        ({"kind": "reset", "tims": 2}, UnknownSetting, "Did you mean 'times'?"),
        ({"kind": "status", "status": "503"}, BadValue, "status"),
        ({"kind": "reset", "times": "2"}, BadValue, "times"),
        ({"kind": "reset", "times": 1.5}, BadValue, "times"),
        ({"kind": "reset", "skip": None}, BadValue, "skip"),
        ({"kind": "reset", "times": True}, BadValue, "times"),
        ({"kind": "delay", "seconds": "1"}, BadValue, "seconds"),
        ({"kind": ["reset"]}, BadValue, "kind"),
        ({"kind": "reset", "endpoint": 7}, BadValue, "endpoint"),
        ({"kind": "status", "retry_after": "soon"}, BadValue, "retry_after"),
        ({"kind": "status", "retry_after": -1}, BadValue, "retry_after"),
        ({"kind": "reset", "every": 0}, BadValue, "every >= 1"),
        ({"kind": "reset", "probability": 1.5}, BadValue, "from 0 to 1"),
        ({"kind": "reset", "probability": "half"}, BadValue, "probability"),
        ({"kind": "reset", "ttl": "soon"}, BadValue, "ttl"),
        ({"kind": "reset", "since": "today"}, BadValue, "since"),
        ({"kind": "reset", "until": 5}, BadValue, "until"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_in_one_line(
    given: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        Fault.read(given)
    assert "\n" not in str(caught.value)


def sent(sandbox: Sandbox, key: str, *, times: int = 1) -> list[httpx.Response | str]:
    """Post the same usage so many times; the answer, or the name of what happened instead."""

    async def run() -> list[httpx.Response | str]:
        async with inside(sandbox, headers={"authorization": f"Bearer {key}"}) as client:
            return [await post(client) for _ in range(times)]

    async def post(client: httpx.AsyncClient) -> httpx.Response | str:
        try:
            return await client.post("/acme/usage", json={"events": [usage()]})
        except ConnectionResetError as fault:
            return str(fault)

    return asyncio.run(run())


def outcomes(account: Account) -> list[str]:
    return [entry.outcome for entry in account.ledger.entries()]


def test_a_status_fault_applies_nothing_and_speaks_the_vendors_words(
    acme: Sandbox, account: Account
) -> None:
    account.faults.add(Fault("status", status=429, retry_after=30))
    [answer] = sent(acme, account.key)
    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, answer.json()) == (429, {"error": "failing"})
    assert answer.headers["retry-after"] == "30"
    assert outcomes(account) == []


def test_a_status_fault_may_say_yes_to_what_was_never_passed_on(
    acme: Sandbox, account: Account
) -> None:
    account.faults.add(Fault("status", status=202))
    [answer] = sent(acme, account.key)
    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, answer.content) == (202, b"")
    exchange = account.journal.get(1)
    assert exchange is not None
    assert exchange.verdict == "fault"
    assert outcomes(account) == []


def test_a_reset_applies_nothing(acme: Sandbox, account: Account) -> None:
    account.faults.add(Fault("reset"))
    assert sent(acme, account.key) == ["the connection was reset"]
    assert outcomes(account) == []


def test_a_lost_reply_is_applied_and_the_retry_is_a_duplicate(
    acme: Sandbox, account: Account
) -> None:
    account.faults.add(Fault("lost-reply"))
    lost, retried = sent(acme, account.key, times=2)
    assert lost == "no answer came"
    assert isinstance(retried, httpx.Response)
    assert outcomes(account) == ["accepted", "duplicate"]
    assert account.ledger.totals()[0].quantity == 1


def test_a_delay_waits_and_then_goes_on_as_usual(acme: Sandbox, account: Account) -> None:
    account.faults.add(Fault("delay", seconds=0.05))
    [answer] = sent(acme, account.key)
    assert isinstance(answer, httpx.Response)
    assert answer.elapsed.total_seconds() >= 0.05
    assert outcomes(account) == ["accepted"]


def test_a_fault_of_one_account_spares_another(acme: Sandbox, account: Account) -> None:
    account.faults.add(Fault("status", times=10))
    [answer] = sent(acme, f"{account.key}x")
    assert isinstance(answer, httpx.Response)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("kind", "seen"),
    [("reset", httpx.ReadError), ("lost-reply", httpx.RemoteProtocolError)],
)
def test_on_a_real_socket_the_caller_sees_what_it_would_see(
    kind: str, seen: type[Exception], acme_server: Running, http: httpx.Client, key: str
) -> None:
    at, headers = acme_server.url, {"authorization": f"Bearer {key}"}
    http.post(f"{at}/_meterbox/accounts/acme/{key}/faults", json={"kind": kind}).raise_for_status()
    with pytest.raises(seen):
        http.post(f"{at}/acme/usage", json={"events": [usage()]}, headers=headers)
    again = http.post(f"{at}/acme/usage", json={"events": [usage()]}, headers=headers)
    assert again.status_code == 200
