"""What of a vendor's contract some traffic exercised, and what it never did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from contracts.model import BadValue, Contract, Endpoint
from contracts.schema import Schema
from sandbox import faults
from sandbox.account import Account
from sandbox.body import Unreadable, document
from sandbox.journal import Exchange
from sandbox.reports.model import Coverage

__all__ = ["Least", "coverage", "fields", "spoken"]

Node = Mapping[str, Any]
SORTS = ("endpoints", "fields", "rules", "error answers", "faults")
DEEPEST = 8
"""A schema may refer to itself."""


def coverage(contract: Contract, accounts: Iterable[Account]) -> list[Coverage]:
    """What the journals and ledgers of these accounts, all of one vendor, show was exercised."""
    seen = _Seen(contract)
    for account in accounts:
        for exchange in account.journal.after(0):
            seen.add(exchange)
        seen.rules |= {entry.rule for entry in account.ledger.entries() if entry.rule}
    return list(seen.told())


def exercised(accounts: Iterable[Account]) -> list[Coverage]:
    """The same of every vendor that a request came to."""
    used: dict[str, list[Account]] = {}
    for account in accounts:
        if account.journal.next > 1:
            used.setdefault(account.vendor, []).append(account)
    contracts = [(mine[0].room.contract, mine) for _, mine in sorted(used.items())]
    return together((c.title, one) for c, mine in contracts for one in coverage(c, mine))


def together(several: Iterable[tuple[str, Coverage]]) -> list[Coverage]:
    """One for each kind, of these by whose they are; with several of whom each name tells whose."""
    given = list(several)
    marked = len({whose for whose, _ in given}) > 1
    kinds: dict[str, tuple[dict[str, None], set[str]]] = {}
    for whose, one in given:
        mark = f"{whose}: " if marked else ""
        known, seen = kinds.setdefault(one.kind, ({}, set()))
        known |= dict.fromkeys(mark + name for name in one.known)
        seen |= {mark + name for name in one.exercised}
    return [_covered(kind, list(known), seen) for kind, (known, seen) in kinds.items()]


def fields(endpoint: Endpoint) -> list[str]:
    """The fields of an endpoint's bodies, such as `events[].event_name`."""
    schema = endpoint.wanted or endpoint.request
    return sorted(set(_within(schema, schema.document, "", DEEPEST))) if schema else []


def spoken(exchange: Exchange, contract: Contract) -> set[str]:
    """The rules that an exchange exercised: those it broke, those by which its events came to what
    they did, and the endpoint's own where it was answered well."""
    rules = {finding.rule for finding in exchange.findings}
    rules |= {effects.rule for effects in exchange.effects if effects.rule}
    if exchange.endpoint is not None and exchange.reply.status < 400:
        rules.add(contract.endpoint(exchange.endpoint).rule)
    return rules


class _Seen:
    """What was seen of one vendor."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._fields = {endpoint.name: set(fields(endpoint)) for endpoint in contract.endpoints}
        self._of: dict[str, set[str]] = {}
        self._answers: set[str] = set()
        self._faults: set[str] = set()
        self.rules: set[str] = set()

    def add(self, exchange: Exchange) -> None:
        self.rules |= spoken(exchange, self._contract)
        if exchange.fault is not None:
            self._faults.add(exchange.fault.kind)
        if exchange.endpoint is None:
            return
        self._answers.add(_answer(exchange.endpoint, exchange.reply.status))
        seen = self._of.setdefault(exchange.endpoint, set())
        wanted = self._fields[exchange.endpoint]
        if len(seen) < len(wanted):
            seen |= wanted & set(_paths(_body(exchange), ""))

    def told(self) -> Iterator[Coverage]:
        endpoints = self._contract.endpoints
        yield _covered("endpoints", [endpoint.name for endpoint in endpoints], set(self._of))
        every = [f"{e.name} {field}" for e in endpoints for field in sorted(self._fields[e.name])]
        seen = {f"{name} {field}" for name, found in self._of.items() for field in found}
        yield _covered("fields", every, seen)
        yield _covered("rules", list(self._contract.rules), self.rules)
        errors = [_answer(e.name, status) for e in endpoints for status in e.responses]
        errors = [told for told in errors if int(told.rpartition(" ")[2]) >= 400]
        yield _covered("error answers", errors, self._answers)
        yield _covered("faults", list(faults.KINDS), self._faults)


class Least:
    """How much must be covered: of all kinds together, or of kinds by name."""

    def __init__(self, given: Sequence[str]) -> None:
        """Each is a percentage, or KIND=PERCENT. Raises BadValue."""
        self._least = dict(map(_least, given))

    def __bool__(self) -> bool:
        return bool(self._least)

    def short(self, covered: Sequence[Coverage]) -> list[str]:
        """What falls short, in sentences; where nobody was asked, nothing was exercised."""
        return [
            f"{name or 'All together'}: {reached:.1f} % exercised, under the {least:g} % wanted."
            for name, least in self._least.items()
            if (reached := _percent(covered, name) if covered else 0.0) < least
        ]


def _least(given: str) -> tuple[str, float]:
    name, _, percent = given.rpartition("=")
    name = name.replace("-", " ")
    try:
        least = float(percent)
    except ValueError as fault:
        raise BadValue("--fail-under", given, "a percentage such as 80 or endpoints=80") from fault
    if name and name not in SORTS:
        raise BadValue("--fail-under", given, f"of a kind among {', '.join(SORTS)}")
    if not 0 <= least <= 100:
        raise BadValue("--fail-under", given, "between 0 and 100")
    return name, least


def _percent(covered: Sequence[Coverage], name: str) -> float:
    chosen = [one for one in covered if name in ("", one.kind)]
    known = [item for one in chosen for item in one.known]
    seen = [item for one in chosen for item in one.exercised]
    return Coverage(name, known, seen).percent


def _covered(kind: str, known: Sequence[str], seen: set[str]) -> Coverage:
    return Coverage(kind, list(known), [name for name in known if name in seen])


def _answer(endpoint: str, status: int) -> str:
    return f"{endpoint} {status}"


def _body(exchange: Exchange) -> Any:
    request = exchange.request
    if not request.body:
        return None
    try:
        return document(request)
    except Unreadable:
        return None
    finally:
        request.parsed = None  # the journal keeps the bytes


def _within(schema: Schema, node: Node, at: str, deep: int) -> Iterator[str]:
    """The names of properties that a schema tells of, below a path."""
    if not deep or not isinstance(node, Mapping):
        return
    reference = node.get("$ref", "")
    if reference.startswith("#/$defs/"):
        yield from _within(schema, schema.document["$defs"][reference[8:]], at, deep)
    for word in ("anyOf", "oneOf", "allOf"):
        for part in node.get(word, ()):
            yield from _within(schema, part, at, deep)
    if "items" in node:
        yield from _within(schema, node["items"], f"{at}[]", deep)
    for name, below in node.get("properties", {}).items():
        path = f"{at}.{name}".lstrip(".")
        yield path
        yield from _within(schema, below, path, deep - 1)


def _paths(body: Any, at: str) -> Iterator[str]:
    """The places in a body, as the fields of a schema are written."""
    if isinstance(body, list):
        for item in body:
            yield from _paths(item, f"{at}[]")
    elif isinstance(body, Mapping):
        for name, value in body.items():
            path = f"{at}.{name}".lstrip(".")
            yield path
            yield from _paths(value, path)
