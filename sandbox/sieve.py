"""Which exchanges a query asks for: by what they are, whom they name and what is written in them.

A search reads bodies where they lie, newest first, and keeps nothing of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from sandbox.auth import handle
from sandbox.body import readable
from sandbox.journal import Exchange

__all__ = ["FILTERS", "Wanted", "sieve"]

Wanted = Callable[[Exchange], bool]
MOST_WORDS = 10
TOLD: Mapping[str, Callable[[Exchange], str | None]] = {
    "vendor": lambda told: told.vendor,
    "endpoint": lambda told: told.endpoint,
    "method": lambda told: told.request.method,
    "verdict": lambda told: told.verdict,
    "status": lambda told: str(told.reply.status),
}
FILTERS = (*TOLD, "rule", "account", "customer", "text")


def sieve(query: Mapping[str, str]) -> Wanted:
    """Whether an exchange fits all that a query says of it; what it does not say, fits."""
    tests = list(_tests(query))
    if len(tests) == 1:
        return tests[0]
    return lambda told: all(test(told) for test in tests)


def _tests(query: Mapping[str, str]) -> Iterator[Wanted]:
    """What is quick to tell first."""
    for name, of in TOLD.items():
        if name in query:
            yield _is(of, query[name])
    if "account" in query:
        names = {query["account"], handle(query["account"])}
        yield lambda told: told.account in names
    if "rule" in query:
        rule = query["rule"]
        yield lambda told: any(found.rule == rule for found in told.findings)
    if "customer" in query:
        yield _names(query["customer"])
    for word in query.get("text", "").split()[:MOST_WORDS]:
        yield _says(word)


def _is(of: Callable[[Exchange], str | None], value: str) -> Wanted:
    return lambda told: of(told) == value


def _names(customer: str) -> Wanted:
    """Whether the request or the answer has the customer's id: as a JSON text or in its address."""
    written = {json.dumps(customer, ensure_ascii=plain).encode() for plain in (True, False)}
    escaped = quote(customer, safe="")
    parts = {f"/{escaped}", f"={escaped}"}

    def named(told: Exchange) -> bool:
        bodies = readable(told.request), told.reply.body
        if any(text in body for body in bodies for text in written):
            return True
        address = _address(told)
        return any(f"{part}{end}" in address for part in parts for end in "/&?#")

    return named


def _address(told: Exchange) -> str:
    return f"{told.request.path}?{told.request.query_string.decode('latin-1')}#"


def _says(word: str) -> Wanted:
    """Whether a word is in the line of an exchange, its request or its answer; A is a."""
    low = word.lower()
    written = {low.encode(), json.dumps(low)[1:-1].encode()}

    def said(told: Exchange) -> bool:
        if low in _line(told):
            return True
        # Lowered for the moment of looking: small and soon gone, where an index would stay.
        bodies = readable(told.request).lower(), told.reply.body.lower()
        return any(text in body for body in bodies for text in written)

    return said


def _line(told: Exchange) -> str:
    rules = " ".join(found.rule for found in told.findings)
    asked = f"{told.request.method} {_address(told)} {told.endpoint}"
    return f"{told.id} {asked} {told.reply.status} {told.verdict} {rules}".lower()
