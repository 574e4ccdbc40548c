"""How problems are spelt where no case can set the switch."""

import asyncio
from typing import Any

import httpx
import pytest

from sandbox.app import Options, create_app

RULE = "hyperline.auth.wrong-key"


def refused(settings: dict[str, Any]) -> httpx.Response:
    """What a stranger is answered; no key of an account is in play, so settings are everyone's."""

    async def asked() -> httpx.Response:
        sandbox = create_app(Options(vendors=["hyperline"], settings=settings))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=sandbox)) as client:
            url = "http://127.0.0.1/hyperline/v1/events"
            return await client.get(url, headers={"authorization": "Bearer sk_test_1"})

    return asyncio.run(asked())


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_refused_with_the_status_that_is_set(status):
    """Rule hyperline.auth.wrong-key."""
    answer = refused({RULE: str(status)})
    assert answer.status_code == answer.json()["statusCode"] == status
    assert answer.json()["message"] == "Invalid authentication token"
