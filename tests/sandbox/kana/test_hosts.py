"""Kana is found by host too."""

import asyncio

import httpx
import pytest

from contracts.reader import read
from sandbox.app import Options, create_app

EVENT = {"type": "identify", "userId": "1", "messageId": "m-1", "traits": {}}


@pytest.mark.parametrize(
    "host", [host for host in read("kana").hosts if host not in read("kana").mounts]
)
def test_events_are_taken_under_every_host_for_backends(host: str) -> None:
    """Rule kana.hosts."""

    async def answer() -> int:
        transport = httpx.ASGITransport(app=create_app(Options(vendors=["kana"])))
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{host}") as client:
            headers = {"authorization": "prv_test_hosts"}
            sent = await client.post("/segment/events", json=EVENT, headers=headers)
            return sent.status_code

    assert asyncio.run(answer()) == 200
