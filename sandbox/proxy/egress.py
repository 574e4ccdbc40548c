"""Where a request may go from here: vendors' hosts lead into the sandbox, and nothing else leaves
this machine unless its host is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from contracts.model import Contract, MeterboxError, did_you_mean
from sandbox.auth import credential, redacted
from sandbox.courier import loopback
from sandbox.reply import Request
from sandbox.veil import Veil

__all__ = ["BadHost", "Egress", "Place", "Refusal", "place"]

KEPT = 1000
"""Refusals that are remembered."""
HOST = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|[0-9a-f:.]+")


class BadHost(MeterboxError):
    """A host that cannot be allowed."""


@dataclass(frozen=True, slots=True)
class Place:
    """A host, in lower case and without brackets, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def place(authority: str, port: int | None = None) -> Place | None:
    """What `host:port` names, the port being `port` where none is said; None where it is none."""
    host, colon, number = authority.rpartition(":")
    if not colon or number.endswith("]"):
        host, number = authority, "" if port is None else str(port)
    host = host.removeprefix("[").removesuffix("]").rstrip(".").lower()
    digits = number.isascii() and number.isdecimal() and len(number) <= 5
    if not host or not HOST.fullmatch(host) or not digits or not 0 < int(number) < 65_536:
        return None
    return Place(host, int(number))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something did not leave, in one line. `vendor` is whose live key it was about."""

    line: str
    vendor: str | None = None


class Egress:
    """Knows the vendors' hosts and those that are `allowed`; remembers what it refused.

    `*.example.com` allows every host under it. With `live_keys` a key may look like a live one.
    `tell` is told each line that differs from the one before. Raises BadHost.
    """

    def __init__(
        self,
        contracts: Iterable[Contract],
        allowed: Iterable[str] = (),
        *,
        live_keys: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._vendors = {host: contract for contract in contracts for host in contract.hosts}
        self._allowed = {self._checked(host) for host in allowed}
        self._live_keys, self._tell = live_keys, tell
        self.refusals: list[Refusal] = []

    @property
    def hosts(self) -> list[str]:
        """The vendors' own."""
        return list(self._vendors)

    def vendor(self, host: str) -> Contract | None:
        """Whose host it is."""
        return self._vendors.get(host)

    def passes(self, host: str) -> bool:
        """Whether it is this machine, or allowed. A vendor's never is."""
        if host in self._vendors:
            return False
        above = host.split(".")
        under = {f"*.{'.'.join(above[n:])}" for n in range(1, len(above))}
        return here(host) or host in self._allowed or not under.isdisjoint(self._allowed)

    def refuse(self, what: str, where: Place | str) -> Refusal:
        """Note that something does not leave. `what` is how it wanted to, such as CONNECT."""
        host = where.host if isinstance(where, Place) else where
        near = did_you_mean(host, self.hosts)
        hint = f" Did you mean {near}?" if near else ""
        return self.note(
            f"{what} {where} refused: nothing leaves this machine for {host}.{hint} "
            f"If it must, allow it with --allow-host {host}."
        )

    def live_key(self, contract: Contract, request: Request, url: str) -> Refusal | None:
        """Note that a request to a vendor shows a key that looks like a live one, if it does."""
        live = contract.live
        if live is None or self._live_keys:
            return None
        for key in sorted(_shown(contract, request)):
            if re.fullmatch(live.pattern, key):
                where = f"{request.method} {Veil([key]).text(url)}"
                return self.note(
                    f"{where} refused: the key {redacted(key)} looks like a live key of "
                    f"{contract.title} ({live.confidence}: {live.sentence.rstrip('.')}). "
                    f"Use a test key, such as {contract.key('demo')}, or --allow-live-keys.",
                    contract.vendor,
                )
        return None

    def note(self, line: str, vendor: str | None = None) -> Refusal:
        """Note that something was refused, in a line that holds nothing but what can be seen."""
        refusal = Refusal(f"meterbox: {_seen(line)}", vendor)
        news = not self.refusals or self.refusals[-1] != refusal
        if len(self.refusals) == KEPT:
            # A live key is not forgotten for another host.
            others = (each for each in self.refusals if each.vendor is None)
            self.refusals.remove(next(others, self.refusals[0]))
        self.refusals.append(refusal)
        if news and self._tell is not None:
            self._tell(refusal.line)
        return refusal

    def _checked(self, host: str) -> str:
        found = place(host.strip(), 443)
        if found is None or found.port != 443:
            raise BadHost(f"{host!r} is no host such as pypi.org or *.example.com.")
        contract = self._vendors.get(found.host)
        if contract is not None:
            raise BadHost(
                f"{found.host} is {contract.title}'s own host: what is sent there goes to the "
                "sandbox, and cannot be let through."
            )
        return found.host


def _shown(contract: Contract, request: Request) -> set[str]:
    """Every key that the request has where the vendor looks for one."""
    auths = {contract.auth, *(e.auth for e in contract.endpoints if e.auth is not None)}
    each = {replace(auth, schemes=(scheme,)) for auth in auths for scheme in auth.schemes}
    return {credential(request, auth).key for auth in each} - {""}


def _seen(text: str) -> str:
    """A text with what cannot be seen written as it is in Python."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def here(host: str) -> bool:
    """Whether it is this machine, by its address or a name that means no other."""
    return loopback(host) or host.endswith(".localhost")
