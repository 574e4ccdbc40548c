"""Several processes behind one address: whether a request is this process's, and if not, whose.

nginx (`meterbox nginx` writes its configuration) guesses from a request the name that its account's
key was made of, and hands the request to the process that the name's hash belongs to. It says so in
two headers. The process reads the credential as it always does and, where the guess was wrong, does
nothing but answer with the right name in X-Accel-Redirect: nginx, which has kept the whole request,
hands it on. So what decides is our own reading of a request, however little nginx can read of it.

It is the name and not the key, because accounts that a source key forwards to have keys of the same
name: they are in the same process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import Response

from contracts.model import Contract
from sandbox.auth import Credential

__all__ = [
    "MISDIRECTED",
    "OWNER",
    "ROUTE",
    "SEARCH",
    "Elsewhere",
    "Hint",
    "handed_on",
    "owner",
    "search",
    "settle",
    "taken",
]

ROUTE = "x-meterbox-route"
"""The name that nginx has gone by, or is told to go by; absent when it is empty."""
SEARCH = "x-meterbox-search"
"""Where to hand on what any process may know; without it, nothing is handed on."""
OWNER = "@owner"
"""nginx's location that goes by the name it is told."""
MISDIRECTED = 421
"""The status of an answer that hands a request on; no client behind nginx sees it."""
PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
"""What a name holds as it is; nginx guesses no name that holds anything else."""
HANDLE = re.compile(r"[0-9a-f]{10}|anonymous")


class Elsewhere(Exception):
    """The request is not for this process: `to` is nginx's location for it, by that name."""

    def __init__(self, to: str, name: str) -> None:
        super().__init__(f"{to} {name}")
        self.to, self.name = to, name

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Those of the answer, which has no body and no reader but nginx."""
        told = {"x-accel-redirect": self.to, ROUTE: self.name, "content-length": "0"}
        return [(name.encode(), value.encode()) for name, value in told.items()]


@dataclass(frozen=True, slots=True)
class Hint:
    """The name by which nginx has come here, and where what nobody here knows is searched for."""

    name: str
    search: str

    def settle(self, name: str | None) -> None:
        """Raises Elsewhere unless accounts of this name are here; None is one nobody here knows."""
        if name is None:
            raise Elsewhere(self.search, "")
        if name != self.name:
            raise Elsewhere(OWNER, name)


def owner(contract: Contract, found: Credential) -> str | None:
    """The name that a credential's account is found by: empty for the one that has no key, None
    where another process may know the credential."""
    if found.problem is not None:
        return None if found.problem == "unknown" else ""
    return _named(contract, found.key)


def taken(headers: MutableMapping[bytes, bytes]) -> Hint | None:
    """nginx's hint, taken out of a request's headers: no journal is to keep it."""
    name = headers.pop(ROUTE.encode(), b"")
    search = headers.pop(SEARCH.encode(), None)
    return None if search is None else Hint(name.decode("latin-1"), search.decode("latin-1"))


def settle(headers: Mapping[str, str], contract: Contract, key: str | None, given: str) -> None:
    """Whether a control request is for this process, whose account of that name, key or handle, has
    this key; None is no account. Raises Elsewhere."""
    hint = _read(headers)
    if hint is None:
        return
    if key is None and HANDLE.fullmatch(given):
        raise Elsewhere(hint.search, _named(contract, given))  # a key, if it is nobody's handle
    hint.settle(_named(contract, given if key is None else key))


def search(headers: Mapping[str, str]) -> None:
    """What a control request asks for is not here: ask the other processes. Raises Elsewhere."""
    hint = _read(headers)
    if hint is not None:
        hint.settle(None)


def handed_on(_: object, other: Exception) -> Response:
    """The answer that has nginx hand the request on."""
    assert isinstance(other, Elsewhere)
    answer = Response(b"", MISDIRECTED)
    answer.raw_headers = other.headers
    return answer


def _named(contract: Contract, key: str) -> str:
    return quote(contract.name(key), safe=PLAIN) if key else ""


def _read(headers: Mapping[str, str]) -> Hint | None:
    search = headers.get(SEARCH)
    return None if search is None else Hint(headers.get(ROUTE, ""), search)
