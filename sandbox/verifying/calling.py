"""The way to a target over HTTP: one request after another, on connections that stay open.

* MeterboxError
  x Unreachable    nothing answers there, or not as HTTP does
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from urllib.parse import urlsplit

import httpx

from contracts.model import BadValue, Contract, MeterboxError
from sandbox.proxy.egress import here
from sandbox.verifying.asking import Answer, Asked
from translators.forwarding.trust import trust

__all__ = ["Caller", "Routes", "Unreachable", "addresses", "forgetful", "shown"]

TIMEOUT = 10.0
PASSWORD = re.compile(r"//\S*@")


class Unreachable(MeterboxError):
    def __init__(self, url: str, why: object) -> None:
        super().__init__(f"No answer from {shown(url)}: {why}.")


def forgetful() -> CookieJar:
    """A jar that keeps no cookie: an answer must not change what is asked next."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def addresses(
    contract: Contract, given: Sequence[str], option: str = "--base-url"
) -> dict[str, str]:
    """By beginning of a path, where requests for it go: `https://...`, or `/path=https://...` for
    a vendor that has several hosts. Raises BadValue."""
    found: dict[str, str] = {}
    for text in given:
        path, separator, url = text.partition("=") if text.startswith("/") else ("", "", text)
        if not _is_address(url):
            example = "an address such as http://127.0.0.1:4020, or /path=http://..."
            raise BadValue(option, PASSWORD.sub("//", text), example)
        # A case's paths begin where the vendor's own documentation has them begin.
        found[path] = url.rstrip("/").removesuffix(contract.base)
    if "" not in found:
        raise BadValue(
            option, PASSWORD.sub("//", " ".join(given)), "also an address for all other paths"
        )
    return found


def _is_address(url: str) -> bool:
    try:
        at = urlsplit(url)
        whole = at.port is None or at.port > 0
    except ValueError:
        return False
    within = bool(at.hostname) and not (at.query or at.fragment)
    return whole and within and at.scheme in ("http", "https")


def shown(url: str) -> str:
    """An address without what it says of who is asking."""
    at = urlsplit(url)
    return at._replace(netloc=at.netloc.rpartition("@")[2]).geturl()


class Routes:
    """Where a vendor's requests go, by their paths."""

    def __init__(self, contract: Contract, addresses: Mapping[str, str]) -> None:
        self.addresses = addresses
        self._mounts = contract.mounts
        self._beginnings = sorted(addresses, key=len, reverse=True)

    def url(self, path: str) -> str:
        """Where a request for that path goes."""
        beginning = next(b for b in self._beginnings if path.startswith(b))
        base = self.addresses[beginning]
        # Paths of some hosts begin elsewhere in the contract, which has them all in one place.
        mount = self._mounts.get(urlsplit(base).hostname or "", "")
        return base + path.removeprefix(mount)


class Caller:
    """Sends requests for a vendor to its addresses, without redirects, cookies or second tries."""

    def __init__(
        self, contract: Contract, addresses: Mapping[str, str], timeout: float = TIMEOUT
    ) -> None:
        self.addresses = addresses
        self.url = Routes(contract, addresses).url
        near = all(here(urlsplit(url).hostname or "") for url in addresses.values())
        trusted = trust(*addresses.values(), environment=not near)
        self._client = httpx.Client(
            cookies=forgetful(), timeout=timeout, trust_env=not near, verify=trusted
        )

    def __enter__(self) -> Caller:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._client.close()

    def ask(self, request: Asked) -> Answer:
        """Send a request and wait for its answer. Raises Unreachable."""
        url = self.url(request.path)
        try:
            response = self._client.request(
                request.method,
                url,
                params=request.query,
                headers=dict(request.headers),
                content=request.body,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            why = " ".join(str(fault).split()).rstrip(".") or type(fault).__name__
            raise Unreachable(url, why) from fault
        return Answer(response.status_code, response.headers, response.content)
