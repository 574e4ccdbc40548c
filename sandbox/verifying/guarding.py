"""Before a vendor itself is asked: that somebody wants that, and with a key for tests.

* MeterboxError
  x RealVendor    the address is a vendor's own, and nobody said --live
  x LiveKey       the key looks like one that acts on live data
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from contracts.model import Contract, Live, MeterboxError
from contracts.reader import read, vendors
from sandbox.auth import redacted

__all__ = ["LiveKey", "RealVendor", "allow", "refuse_live_keys"]


class RealVendor(MeterboxError):
    def __init__(self, host: str, title: str) -> None:
        super().__init__(
            f"{host} is {title} itself. Say --live if that is meant, and use a key of a test "
            "account: what is sent there stays there."
        )


class LiveKey(MeterboxError):
    def __init__(self, contract: Contract, live: Live, key: str) -> None:
        guess = live.confidence == "assumed"
        own = " or say --test-key if it is that" if guess else ""
        super().__init__(
            f"The key {redacted(key)} looks like a live key of {contract.title} "
            f"({live.confidence}: {live.sentence.rstrip('.')}). "
            f"Use one of a test account{own}."
        )


def allow(urls: Iterable[str], *, live: bool) -> bool:
    """Whether one of the addresses is a vendor's own. Raises RealVendor, unless `live`."""
    hosts = {host: read(name).title for name in vendors() for host in read(name).hosts}
    for url in urls:
        host = (urlsplit(url).hostname or "").rstrip(".").lower()
        if host in hosts:
            if not live:
                raise RealVendor(host, hosts[host])
            return True
    return False


def refuse_live_keys(contract: Contract, key: str, *, sure: bool) -> None:
    """Raises LiveKey; where only a guess tells live keys, not when somebody is `sure`."""
    live = contract.live
    if live is None or re.fullmatch(live.pattern, key) is None:
        return
    if live.confidence != "assumed" or not sure:
        raise LiveKey(contract, live, key)
