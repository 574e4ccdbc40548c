"""What the cases cannot ask: Hyperline's ids, which are new for each customer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from sandbox.app import Options, Sandbox, create_app

NOW = datetime(2026, 1, 15, 12, 0, 0, 250_000, tzinfo=UTC)
KEY = {"authorization": "Bearer test_ids"}

Steps = Callable[[httpx.AsyncClient, Sandbox], Awaitable[None]]


def run(steps: Steps) -> None:
    async def walk() -> None:
        sandbox = create_app(Options(vendors=["hyperline"], source=lambda: NOW))
        transport = httpx.ASGITransport(app=sandbox)
        base = "http://127.0.0.1/hyperline"
        async with httpx.AsyncClient(transport=transport, base_url=base, headers=KEY) as client:
            await steps(client, sandbox)

    asyncio.run(walk())


async def made(client: httpx.AsyncClient, **given: Any) -> dict[str, Any]:
    answer = await client.post("/v1/customers", json=given)
    assert answer.status_code == 201
    customer: dict[str, Any] = answer.json()
    return customer


def event(customer: str, id: str) -> dict[str, Any]:
    return {
        "customer_id": customer,
        "event_type": "api_call",
        "timestamp": "2026-01-15T12:00:00Z",
        "record": {"id": id},
    }


def billed(sandbox: Sandbox) -> dict[str | None, Any]:
    account = sandbox.accounts.open("hyperline", "test_ids")
    return {total.customer: total.quantity for total in account.ledger.totals()}


def test_a_customer_is_billed_as_one_by_either_id() -> None:
    async def steps(client: httpx.AsyncClient, sandbox: Sandbox) -> None:
        acme = await made(client, external_id="acme")
        nameless = await made(client, name="No external id")
        for customer, id in [("acme", "1"), (acme["id"], "2"), (nameless["id"], "3")]:
            answer = await client.post("/v1/events", json=event(customer, id))
            assert answer.status_code == 201
        assert billed(sandbox) == {"acme": 2, nameless["id"]: 1}

    run(steps)


def test_with_identity_by_customer_both_ids_are_one_customer() -> None:
    async def steps(client: httpx.AsyncClient, sandbox: Sandbox) -> None:
        account = sandbox.accounts.open("hyperline", "test_ids")
        account.set("hyperline.ingest.identity", "record-id-and-customer")
        acme = await made(client, external_id="acme")
        for customer in ("acme", acme["id"]):
            await client.post("/v1/events", json=event(customer, "1"))
        assert billed(sandbox) == {"acme": 1}

    run(steps)


def test_a_customer_is_fetched_by_hyperlines_id() -> None:
    async def steps(client: httpx.AsyncClient, _: Sandbox) -> None:
        acme = await made(client, external_id="acme", vat_number="FR123456789")
        first = await client.get(f"/v1/customers/{acme['id']}")
        second = await client.get(f"/v2/customers/{acme['id']}")
        assert first.json() == acme
        dropped = {"vat_number", "vat_number_valid", "vat_rate_custom"}
        assert second.json() == {k: v for k, v in acme.items() if k not in dropped}

    run(steps)


def test_cursors_lead_through_all_customers_once() -> None:
    async def steps(client: httpx.AsyncClient, _: Sandbox) -> None:
        ids = [(await made(client))["id"] for _ in range(5)]
        seen, query = [], {"limit": "2"}
        while True:
            page = (await client.get("/v2/customers", params=query)).json()
            seen += [customer["id"] for customer in page["data"]]
            if not page["has_more"]:
                break
            query["cursor"] = page["next_cursor"]
        assert page["next_cursor"] is None
        assert seen == ids[::-1]

    run(steps)


def test_a_page_that_a_new_customer_pushes_down_repeats_nobody() -> None:
    async def steps(client: httpx.AsyncClient, _: Sandbox) -> None:
        ids = [(await made(client))["id"] for _ in range(3)]
        page = (await client.get("/v2/customers", params={"limit": "1"})).json()
        await made(client)
        after = {"limit": "5", "cursor": page["next_cursor"]}
        rest = (await client.get("/v2/customers", params=after)).json()
        assert [customer["id"] for customer in rest["data"]] == [ids[1], ids[0]]

    run(steps)


def test_ids_can_be_asked_for_by_filter() -> None:
    async def steps(client: httpx.AsyncClient, _: Sandbox) -> None:
        a, b, _c = [(await made(client))["id"] for _ in range(3)]
        found = await client.get("/v1/customers", params={"id__in": f"{a},{b}"})
        assert [customer["id"] for customer in found.json()["data"]] == [b, a]

    run(steps)


def test_a_replay_makes_no_second_customer() -> None:
    async def steps(client: httpx.AsyncClient, _: Sandbox) -> None:
        key = {"idempotency-key": "a-key-of-some-length"}
        first = await client.post("/v1/customers", json={"name": "A"}, headers=key)
        again = await client.post("/v1/customers", json={"name": "A"}, headers=key)
        assert again.json()["id"] == first.json()["id"]
        assert (await client.get("/v1/customers")).json()["meta"]["total"] == 1

    run(steps)


def test_a_stranger_gets_a_finding() -> None:
    async def steps(client: httpx.AsyncClient, sandbox: Sandbox) -> None:
        answer = await client.get("/v1/customers", headers={"authorization": "Bearer sk_test_1"})
        exchange = sandbox.accounts.exchange(answer.headers["x-meterbox-exchange"])
        assert exchange is not None
        assert [finding.rule for finding in exchange.findings] == ["hyperline.auth"]

    run(steps)


def test_every_host_leads_here() -> None:
    async def steps(client: httpx.AsyncClient, sandbox: Sandbox) -> None:
        await made(client, external_id="acme")
        for host in ("ingest.hyperline.co", "sandbox.ingest.hyperline.co", "api.hyperline.co"):
            transport = httpx.ASGITransport(app=sandbox)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as there:
                answer = await there.post("/v1/events", json=event("acme", host), headers=KEY)
            assert answer.status_code == 201
        assert billed(sandbox) == {"acme": 3}

    run(steps)
