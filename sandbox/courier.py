"""Carries webhooks to their targets, and tries again on the account's clock.

It goes to this machine only, unless other hosts are configured. `localhost`, and names under it,
are never looked up: what a resolver says of them is not certain to be this machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.account import Account
from sandbox.webhooks import Attempt, Delivery, Target

if TYPE_CHECKING:
    from httpx import URL, AsyncClient

__all__ = ["Courier", "addresses", "loopback"]

AT_ONCE = 16
ANYWHERE = "*"
HERE = ("127.0.0.1", "::1")


def loopback(host: str) -> bool:
    """Whether a host is this machine by its address or its name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def addresses(host: str) -> tuple[str, ...]:
    """Where to connect for a host: this machine's own addresses for its own names."""
    return HERE if host == "localhost" or host.endswith(".localhost") else (host,)


class Courier:
    """Delivers while it is open. `hosts` may be sent to beside this machine; `*` is every host."""

    def __init__(self, hosts: Collection[str] = ()) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
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
                if account.faults.strike_webhook(account.clock.now()) is not None:
                    delivery.attempts.append(await self._attempt(account, delivery, target))
                return
        delivery.outcome = "failed"

    def _allowed(self, url: str) -> bool:
        import httpx  # its reading of the URL, since it is what connects

        try:
            host = httpx.URL(url).host.lower()
        except (httpx.InvalidURL, ValueError):  # such as a name that IDNA cannot read
            return False
        here = all(loopback(address) for address in addresses(host))
        return here or host in self._hosts or ANYWHERE in self._hosts

    async def _attempt(self, account: Account, delivery: Delivery, target: Target) -> Attempt:
        post, message, at = account.room.webhooks, delivery.message, account.clock.now()
        assert post is not None
        try:
            headers = post.headers(account, target, message)
            async with asyncio.timeout(target.timeout):
                return Attempt(at, await self._post(target.url, headers, message.body))
        except Exception as fault:  # whatever it is, it is this target's: the others are told
            return Attempt(at, None, f"{type(fault).__name__}: {fault}".rstrip(": "))

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status that comes back from the first address that is connected to."""
        import httpx  # here: a sandbox that tells nobody starts without it

        from translators.forwarding.trust import authorities

        if self._client is None:
            # Proxies and .netrc of the environment are not ours to send secrets through.
            trusted = authorities(environment=False)
            self._client = httpx.AsyncClient(
                trust_env=False,
                verify=trusted,
                timeout=None,  # the attempt has one
            )
        target, refused = httpx.URL(url), None
        for address in addresses(target.host.lower()):
            try:
                return await self._sent(self._client, target, address, headers, body)
            except httpx.ConnectError as fault:
                refused = refused or fault
        assert refused is not None  # every host has an address
        raise refused

    @staticmethod
    async def _sent(
        client: AsyncClient, target: URL, address: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        """One POST to an address in the name of the target's host."""
        async with client.stream(
            "POST",
            target.copy_with(host=address),
            content=body,
            headers={"host": target.netloc.decode(), **headers},
            extensions={"sni_hostname": target.raw_host.decode()},
        ) as answer:
            return answer.status_code
