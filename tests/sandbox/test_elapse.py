"""What time alone brings about, at a vendor that has something of the kind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sandbox.account import Account
from sandbox.acts import perform
from sandbox.app import Options, Sandbox, create_app
from sandbox.reply import Effects, Usage
from tests.acme import NOW, inside
from tests.conftest import Make

HOUR = timedelta(hours=1)


def hourly(account: Account, now: datetime) -> Sequence[tuple[datetime, Effects]]:
    """One unit of storage for each whole hour since noon."""
    due: list[tuple[datetime, Effects]] = []
    done = sum(1 for _ in account.ledger.entries())
    while (at := NOW + (done + len(due) + 1) * HOUR) <= now:
        usage = Usage(f"hour {at:%H}", "acme", "storage", 1)
        due.append((at, Effects("accepted", [usage])))
    return due


def ticking(made: Make) -> tuple[Sandbox, Account]:
    sandbox = made(source=lambda: NOW)
    room = replace(sandbox.accounts.rooms["acme"], elapse=hourly)
    sandbox.accounts.rooms["acme"] = room
    return sandbox, sandbox.accounts.open("acme", "ak_hours")


def told(account: Account) -> list[datetime]:
    return [entry.at for entry in account.ledger.entries()]


def test_what_fell_due_is_noted_at_the_time_it_fell_due(made: Make) -> None:
    _, account = ticking(made)
    account.elapse(NOW + 3 * HOUR)
    assert told(account) == [NOW + HOUR, NOW + 2 * HOUR, NOW + 3 * HOUR]


def test_asking_again_does_nothing_again(made: Make) -> None:
    _, account = ticking(made)
    account.elapse(NOW + HOUR)
    account.elapse(NOW + HOUR)
    account.elapse(NOW)
    assert told(account) == [NOW + HOUR]


def test_a_request_comes_after_what_fell_due_before_it(made: Make) -> None:
    sandbox, account = ticking(made)
    account.clock.advance(2 * HOUR)

    async def ask() -> None:
        async with inside(sandbox) as client:
            await client.get("/acme/usage", headers={"authorization": "Bearer ak_hours"})

    asyncio.run(ask())
    assert told(account) == [NOW + HOUR, NOW + 2 * HOUR]


def test_an_act_comes_after_what_fell_due_before_it(made: Make) -> None:
    _, account = ticking(made)
    perform(account, "clear-faults", {}, NOW + HOUR)
    assert told(account) == [NOW + HOUR]


def test_the_ledger_of_the_control_api_is_as_of_now(made: Make) -> None:
    sandbox, account = ticking(made)
    account.clock.advance(HOUR)

    async def ask() -> int:
        async with inside(sandbox) as client:
            answer = await client.get("/_meterbox/accounts/acme/ak_hours/ledger")
            return int(answer.json()["totals"][0]["quantity"])

    assert asyncio.run(ask()) == 1


def test_a_vendor_without_it_is_left_alone() -> None:
    sandbox = create_app(Options(vendors=["segment"], source=lambda: NOW))
    account = sandbox.accounts.open("segment", "k")
    account.elapse(NOW + HOUR)
    assert told(account) == []
