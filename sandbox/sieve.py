"""Which exchanges a query asks for: by what they are, whom they name and what is written in them.

A search reads bodies where they lie, newest first, and keeps nothing of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import get_args
from urllib.parse import quote

from sandbox.auth import handle
from sandbox.body import readable
from sandbox.journal import Exchange, Verdict

__all__ = ["FILTERS", "Numbered", "Wanted", "sieve", "sift"]

Wanted = Callable[[Exchange], bool]
MOST_WORDS = 10
JOINED = re.compile(r"-([0-9a-f]{10}|anonymous)-\d+$|\?")
"""Words that may be an id, or a path with its query."""
VERDICTS = frozenset(" ".join(get_args(Verdict)).split())
TOLD: Mapping[str, Callable[[Exchange], str | None]] = {
    "vendor": lambda told: told.vendor,
    "endpoint": lambda told: told.endpoint,
    "method": lambda told: told.request.method,
    "verdict": lambda told: told.verdict,
    "status": lambda told: str(told.reply.status),
}
FILTERS = (*TOLD, "rule", "account", "customer", "text")
Numbered = tuple[int, Exchange]
BLOCK = 96


def sieve(query: Mapping[str, str]) -> Wanted:
    """Whether an exchange fits all that a query says of it; what it does not say, fits."""
    tests = [*_tests(query), *map(_says, _words(query))]
    if len(tests) == 1:
        return tests[0]
    return lambda told: all(test(told) for test in tests)


def sift(query: Mapping[str, str]) -> Callable[[Sequence[Numbered]], list[Numbered]]:
    """Those of some exchanges that fit: the same as by `sieve`, and quicker where many are looked
    through for words or a customer that few have."""
    quick, closely = {**query, "text": ""}, {"text": query.get("text", "")}
    if "customer" in quick:
        closely["customer"] = quick.pop("customer")
    tests, fits = list(_tests(quick)), sieve(closely)
    words, customer = [word.lower() for word in _words(query)], closely.get("customer")

    def sifted(rows: Sequence[Numbered]) -> list[Numbered]:
        found = list[Numbered]()
        for test in tests:
            rows = [row for row in rows if test(row[1])]
        if not words and customer is None:
            return list(rows)
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            if _perhaps(words, customer, [told for _, told in block]):
                found += [row for row in block if fits(row[1])]
        return found

    return sifted


def _perhaps(words: Iterable[str], customer: str | None, block: Sequence[Exchange]) -> bool:
    """Whether any of some exchanges may have these words and name the customer: one look at all of
    them is the quickest, and what many have alike is looked at once. Only ids are left to be looked
    at one by one."""
    asked = [told.request for told in block]
    bodies = [request.body for request in asked]
    if [request for request in asked if b"content-encoding" in request.headers]:
        bodies = [readable(request) for request in asked]
    bodies += [told.reply.body for told in block]
    names = {told.vendor for told in block} | {str(told.endpoint) for told in block}
    names |= {told.account for told in block} | {request.method for request in asked}
    names |= {request.path for request in asked} | {str(told.reply.status) for told in block}
    names |= {request.query_string.decode("latin-1") for request in asked if request.query_string}
    names |= {found.rule for told in block if told.findings for found in told.findings}
    if VERDICTS.intersection(words):
        names |= {told.verdict for told in block}
    line, raw = "\n".join(names).lower(), b"\n".join(bodies).lower()
    if customer is not None and not (
        quote(customer, safe="").lower() in line
        or any(text.lower() in raw for text in _quoted(customer))
    ):
        return False
    return all(
        JOINED.search(word) or word in line or any(text in raw for text in _written(word))
        for word in words
    )


def _written(low: str) -> set[bytes]:
    """How a text without capitals is written in a body."""
    return {low.encode(), json.dumps(low)[1:-1].encode()}


def _words(query: Mapping[str, str]) -> list[str]:
    """The longest first: few exchanges have it."""
    return sorted(query.get("text", "").split()[:MOST_WORDS], key=len, reverse=True)


def _tests(query: Mapping[str, str]) -> Iterator[Wanted]:
    """What is quick to tell first."""
    for name, of in TOLD.items():
        if name in query:
            yield _is(of, query[name])
    if "account" in query:
        names = {query["account"], handle(query["account"])}
        yield lambda told: told.account in names
    if "rule" in query:
        yield _by(query["rule"])
    if "customer" in query:
        yield _names(query["customer"])


def _by(rule: str) -> Wanted:
    """Whether something was found by a rule, or happened to an event by it."""

    def ruled(told: Exchange) -> bool:
        found = any(found.rule == rule for found in told.findings) if told.findings else False
        return found or any(effects.rule == rule for effects in told.effects)

    return ruled


def _is(of: Callable[[Exchange], str | None], value: str) -> Wanted:
    return lambda told: of(told) == value


def _names(customer: str) -> Wanted:
    """Whether the request or the answer has the customer's id: as a JSON text or in its address."""
    whole, *spelled = sorted(_quoted(customer), key=len)
    escaped = quote(customer, safe="")
    parts = re.compile(rf"[/=]{re.escape(escaped)}(?=[/&?#])")

    def named(told: Exchange) -> bool:
        sent, answered = readable(told.request), told.reply.body
        if whole in sent or whole in answered:
            return True
        if spelled and (spelled[0] in sent or spelled[0] in answered):
            return True
        return escaped in _asked(told) and parts.search(f"{_asked(told)}#") is not None

    return named


def _quoted(customer: str) -> set[bytes]:
    """How the id is written as a JSON text."""
    return {json.dumps(customer, ensure_ascii=plain).encode() for plain in (True, False)}


def _asked(told: Exchange) -> str:
    """Method, path and query."""
    asked = told.request
    query = f"?{asked.query_string.decode('latin-1')}" if asked.query_string else ""
    return f"{asked.method} {asked.path}{query}"


def _says(word: str) -> Wanted:
    """Whether a word is in the line of an exchange, its request or its answer; A is a."""
    low = word.lower()
    written, line = _written(low), _lines(low)

    def said(told: Exchange) -> bool:
        # Lowered for the moment of looking: small and soon gone, where an index would stay.
        sent, answered = readable(told.request).lower(), told.reply.body.lower()
        return line(told) or any(text in sent or text in answered for text in written)

    return said


def _lines(low: str) -> Wanted:
    """Whether a word is in what a list tells of an exchange."""

    def fits(told: Exchange) -> bool:
        names = [told.vendor, told.account, str(told.endpoint), str(told.reply.status)]
        names += [_asked(told), *(found.rule for found in told.findings)]
        names += [told.verdict] if low in VERDICTS else []
        return low in "\n".join(names).lower() or low == told.id

    return fits
