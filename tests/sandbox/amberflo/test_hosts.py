"""Amberflo's two hosts, as a client behind a hosts file or a proxy asks them."""

import asyncio

import httpx
import pytest

from sandbox.app import Options, create_app
from tests.sandbox.amberflo.conftest import KEY, NOW

RECORD = {
    "customerId": "c",
    "meterApiName": "m",
    "meterValue": 1,
    "meterTimeInMillis": 1619445706909,
}


@pytest.mark.parametrize("path", ["/ingest", "/ingest/", "/", "", "/ingest?schemaDetection=AUTO"])
@pytest.mark.parametrize("host", ["app.amberflo.io", "ingest.amberflo.io"])
def test_records_are_taken_at_either_host(host: str, path: str):
    """Rule amberflo.ingest.paths."""
    sandbox = create_app(Options(source=lambda: NOW))

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=sandbox)
        async with httpx.AsyncClient(transport=transport) as client:
            url = f"https://{host}{path}"
            return await client.post(url, json=[RECORD], headers={"X-API-KEY": KEY})

    answer = asyncio.run(asked())
    assert (answer.status_code, answer.text) == (200, "1 records were ingested")
