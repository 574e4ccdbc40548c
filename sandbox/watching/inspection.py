"""Holds what passes by to the vendor's contract: the request, and the answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from graphql import GraphQLError, parse, validate

from contracts.conformance import violations
from contracts.model import Endpoint, Violation
from sandbox.account import setting
from sandbox.body import Unreadable, document
from sandbox.graph import schema as graphql_schema
from sandbox.paths import Paths
from sandbox.reply import Request
from sandbox.reports.findings import finding
from sandbox.reports.model import Finding
from sandbox.room import Room
from sandbox.verifying.evidence import meaning
from sandbox.watching.relay import Headers, Kept, Passed

__all__ = ["Inspected", "Inspector"]

MOST = 20_000
"""Words of a GraphQL document that is looked at."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found, and what could not be looked at."""

    endpoint: str | None
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...] = ()


class Inspector:
    """Looks at exchanges with one vendor; `live` is whether it is the vendor itself."""

    def __init__(self, room: Room, *, live: bool) -> None:
        self._room, self._contract, self._live = room, room.contract, live
        self._paths = Paths(room.contract.endpoints)
        rules = self._contract.rules
        self._defaults = {
            name: setting(rules[name], value) for name, value in self._contract.defaults.items()
        }

    def inspect(self, passed: Passed) -> Inspected:
        """What departs from the contract, in the request and in the answer."""
        place = self._paths.find(passed.method, passed.path)
        endpoint = place.methods.get(passed.method)
        if endpoint is None:
            return Inspected(None, (), (f"{passed.method} {passed.path} is not in the contract",))
        unchecked: list[str] = []
        found: list[Finding] = []
        asked = _request(passed, passed.headers, passed.request)
        asked.params = place.params
        if not passed.request.whole:
            unchecked.append(f"the request's {passed.request.size} bytes")
        else:
            found += self._told("request", self._asked(asked, endpoint))
        if passed.failed:
            return Inspected(endpoint.name, tuple(found), (*unchecked, passed.failed))
        try:
            found += self._answers(passed, endpoint)
        except _Unchecked as why:
            unchecked.append(f"the answer: {why}")
        return Inspected(endpoint.name, tuple(found), tuple(unchecked))

    def _asked(self, request: Request, endpoint: Endpoint) -> Iterator[Violation]:
        try:
            body = self._room.body(endpoint, request)
        except Unreadable as fault:
            yield Violation("$", fault.why, None, f"{self._contract.vendor}.body.{fault.fault}")
            return
        if endpoint.sdl is not None:
            yield from _undocumented(body, endpoint)
        schema = endpoint.request
        if schema is None or schema.accepts(body) or self._room.unbound(request, endpoint):
            return
        for violation in violations(body, schema, rule=endpoint.rule):
            if not self._room.waives(violation, self._defaults):
                yield violation

    def _answers(self, passed: Passed, endpoint: Endpoint) -> Iterator[Finding]:
        if passed.status not in endpoint.responses:
            known = ", ".join(map(str, sorted(endpoint.responses)))
            message = f"{passed.status} is no status that {endpoint.name} is known to answer"
            status = Violation("status", f"{message}: {known}", passed.status, endpoint.rule)
            yield from self._told("answer", [status])
            return
        schema = endpoint.responses[passed.status]
        if schema is None or passed.method == "HEAD":
            return
        if not passed.answer.whole:
            raise _Unchecked(f"{passed.answer.size} bytes")
        try:
            body = document(_request(passed, passed.answered, passed.answer))
        except Unreadable as fault:
            if fault.fault in ("encoding", "too-large"):
                raise _Unchecked(fault.why) from fault
            yield from self._told("answer", [Violation("$", fault.why, None, endpoint.rule)])
            return
        yield from self._told("answer", violations(body, schema, rule=endpoint.rule))

    def _told(self, what: str, found: Iterator[Violation] | list[Violation]) -> Iterator[Finding]:
        for violation in found:
            told = finding(violation, self._contract.rules)
            path = f"{what} {violation.path}"
            if what == "request":
                yield replace(told, path=path)
                continue
            rule = self._contract.rules.get(violation.rule)
            yield replace(told, path=path, fix=meaning(rule, live=self._live))


class _Unchecked(Exception):
    """Something passed that cannot be looked at."""


def _request(passed: Passed, headers: Headers, kept: Kept) -> Request:
    """A body that passed by, as the reader of bodies wants it."""
    return Request(passed.method, passed.path, passed.query, dict(headers), kept.body)


def _undocumented(body: object, endpoint: Endpoint) -> Iterator[Violation]:
    """Where a GraphQL document does not fit the schema."""
    text = body.get("query") if isinstance(body, dict) else None
    if not isinstance(text, str) or endpoint.sdl is None:
        return
    try:
        errors = validate(graphql_schema(endpoint.sdl), parse(text, max_tokens=MOST))
    except GraphQLError as fault:
        errors = [fault]
    for error in errors:
        yield Violation("$.query", error.message, None, endpoint.rule)
