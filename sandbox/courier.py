"""Carries webhooks to their targets, and tries again on the account's clock.

It goes to this machine only, unless other hosts are configured.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.account import Account
from sandbox.webhooks import Attempt, Delivery, Target

if TYPE_CHECKING:
    from httpx import AsyncClient

__all__ = ["Courier", "loopback"]

TIMEOUT = 10.0
AT_ONCE = 16
ANYWHERE = "*"


def loopback(host: str) -> bool:
    """Whether a host is this machine by its address or its name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Courier:
    """Delivers while it is open. `hosts` may be sent to beside this machine; `*` is every host."""

    def __init__(self, hosts: Collection[str] = (), timeout: float = TIMEOUT) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._timeout = timeout
        self._open = False
        self._client: AsyncClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Courier:
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def send(self, account: Account) -> None:
        """Take what waits on this account, and deliver it in time."""
        if not self._open:
            return
        for delivery in account.webhooks.take():
            task = asyncio.create_task(self._deliver(account, delivery))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, account: Account, delivery: Delivery) -> None:
        post, mine = account.room.webhooks, account.webhooks
        assert post is not None  # a room without webhooks posts none
        for wait in (timedelta(), *post.waits(account.settings)):
            await account.clock.sleep(wait)
            if account.webhooks is not mine:
                return  # the account was reset
            target = mine.targets.get(delivery.message.target)
            if target is None or not target.enabled:
                delivery.outcome = "stopped"
                return
            if not self._allowed(target.url):
                delivery.outcome = "blocked"
                return
            async with self._slots:
                attempt = await self._attempt(account, delivery, target)
            delivery.attempts.append(attempt)
            if attempt.good:
                delivery.outcome = "delivered"
                return
        delivery.outcome = "failed"

    def _allowed(self, url: str) -> bool:
        import httpx  # its reading of the URL, since it is what connects

        try:
            host = httpx.URL(url).host.lower()
        except httpx.InvalidURL:
            return False
        return loopback(host) or host in self._hosts or ANYWHERE in self._hosts

    async def _attempt(self, account: Account, delivery: Delivery, target: Target) -> Attempt:
        import httpx  # here: a sandbox that tells nobody starts without it

        if self._client is None:
            # Proxies and .netrc of the environment are not ours to send secrets through.
            self._client = httpx.AsyncClient(trust_env=False, timeout=self._timeout)
        assert account.room.webhooks is not None
        body = delivery.message.body
        headers = account.room.webhooks.headers(account, target, delivery.message)
        at = account.clock.now()
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream("POST", target.url, content=body, headers=headers) as answer,
            ):
                return Attempt(at, answer.status_code)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as fault:
            return Attempt(at, None, f"{type(fault).__name__}: {fault}".rstrip(": "))
