"""A stage is checked before anything is done, and a step that is refused is told by its number."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from contracts.model import MeterboxError
from sandbox.account import Account
from sandbox.app import Options, create_app
from sandbox.stage import StageFault, check, set_up

ACME = {"vendor": "hyperline", "method": "POST", "path": "/v1/customers"}
CREATE = {**ACME, "json": {"name": "Acme", "external_id": "acme"}}


def staged(*steps: dict[str, Any]) -> Account:
    sandbox = create_app(Options(vendors=["hyperline"]))
    account = sandbox.accounts.open("hyperline", "test_demo")

    async def done() -> None:
        transport = httpx.ASGITransport(app=sandbox)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            await set_up(account, check(list(steps)), client)

    asyncio.run(done())
    return account


def test_each_kind_of_step_is_taken() -> None:
    account = staged(
        CREATE,
        {"vendor": "hyperline", "dashboard": "pending-customers"},
        {"vendor": "hyperline", "fault": {"kind": "status", "status": 500}},
        {"vendor": "hyperline", "settings": {"hyperline.ingest.reply": "object"}},
    )
    assert account.settings["hyperline.ingest.reply"] == "object"
    assert len(account.faults.pending()) == 1
    assert [exchange.reply.status for exchange in account.journal.after(0)] == [201]


def test_steps_of_other_vendors_are_passed_over() -> None:
    account = staged({"vendor": "orb", "method": "POST", "path": "/no/such", "json": {}})
    assert list(account.journal.after(0)) == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "step 1: a stage is a JSON list of steps"),
        ([1], "step 1: a step is an object with a vendor"),
        ([{"fault": {}}], "step 1: a step is an object with a vendor"),
        ([CREATE, {"vendor": "hyperline"}], "step 2: it has none of method, dashboard, fault"),
        ([ACME | {"path": 1}], "step 1: path is a text that begins with /"),
        ([{"vendor": "orb", "method": "GET"}], "step 1: it lacks path"),
        ([{**CREATE, "fault": {}}], "step 1: it has fault beside method"),
        ([{"vendor": "nobody", "fault": {}}], "No contract for 'nobody'"),
        ([{"vendor": "orb", "fault": 1}], "step 1: fault is an object"),
    ],
)
def test_a_stage_that_is_none(given: Any, why: str) -> None:
    with pytest.raises(MeterboxError) as told:
        check(given)
    assert str(told.value).startswith(why)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (CREATE, 'step 2: POST /v1/customers is answered 409: {"statusCode":409'),
        ({"vendor": "hyperline", "dashboard": "no"}, "step 2: dashboard: 'no' is not one of"),
        ({"vendor": "hyperline", "dashboard": "no", "json": []}, "step 2: json: [] is not an"),
        ({"vendor": "hyperline", "fault": {"kind": "no"}}, "step 2: kind: 'no' is not one of"),
        ({"vendor": "hyperline", "settings": {"no": 1}}, "step 2: No setting named 'no'."),
    ],
)
def test_a_step_that_is_refused_is_told_by_its_number(step: dict[str, Any], why: str) -> None:
    with pytest.raises(StageFault) as told:
        staged(CREATE, step)
    assert str(told.value).startswith(why)
