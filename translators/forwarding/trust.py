"""Whom a client trusts. The authorities are read once: that takes longer than many requests."""

from __future__ import annotations

from functools import cache
from ssl import PROTOCOL_TLS_CLIENT, SSLContext

import httpx

__all__ = ["authorities", "trust"]


@cache
def authorities(*, environment: bool) -> SSLContext:
    """Those that come with the client, or, by `environment`, those that its variables name."""
    return httpx.create_ssl_context(trust_env=environment)


def trust(*urls: str, environment: bool = True) -> SSLContext:
    """For a client of these addresses and no others: where none of them speaks TLS, nobody."""
    if all(url.lower().startswith("http://") for url in urls):
        return SSLContext(PROTOCOL_TLS_CLIENT)
    return authorities(environment=environment)
