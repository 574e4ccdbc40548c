"""Judges payloads by a contract: many at once where they are right, one by one where not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from contracts.conformance import violations
from contracts.model import Contract, Endpoint, MeterboxError, Violation, did_you_mean
from contracts.schema import Schema
from sandbox.account import setting
from sandbox.cli.payloads import Block, Payload, Unread
from sandbox.switchboard import load
from translators.event import BadEvent, Event, parse
from translators.mapping import Translate
from translators.request import Outcome, Untranslatable

__all__ = ["Bodies", "Finding", "Judged", "SegmentEvents", "UnknownEndpoint", "choose"]

Watch = Callable[[Payload, Event, Outcome], None]


class UnknownEndpoint(MeterboxError):
    """The vendor has no endpoint of that name that takes a body."""

    def __init__(self, contract: Contract, name: str, known: Sequence[str]) -> None:
        near = did_you_mean(name, known)
        hint = f" Did you mean {near!r}?" if near else f" Those that do: {', '.join(known)}."
        super().__init__(f"{contract.title} has no endpoint {name!r} that takes a body.{hint}")


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation, the file and line it is at, and the Segment field it came from, if any.

    `at` is the path of the payload in the document there, `where` that of the finding, unless it is
    the violation's own.
    """

    place: str
    violation: Violation
    source: str | None = None
    at: str = "$"
    where: str | None = None


@dataclass(slots=True)
class Judged:
    """What became of some payloads; `skipped` are Segment events the vendor takes none of."""

    count: int
    findings: Sequence[Finding] = ()
    refused: int = 0
    skipped: int = 0


def choose(contract: Contract, name: str | None) -> Endpoint:
    """The endpoint of that name, or the first that takes a body. Raises UnknownEndpoint."""
    known = [endpoint.name for endpoint in contract.endpoints if endpoint.request is not None]
    if name is None and known:
        name = known[0]
    if name not in known:
        raise UnknownEndpoint(contract, name or "", known)
    return contract.endpoint(name)


class Bodies:
    """Judges request bodies of one endpoint, and single events where its requests wrap them."""

    def __init__(self, contract: Contract, endpoint: Endpoint) -> None:
        request = endpoint.wanted or endpoint.request
        assert request is not None  # as `choose` sees to
        self._contract = contract
        self._rule = endpoint.rule
        self._request = request
        self._wrapping = frozenset(request.document.get("required", ()))
        wraps = self._wrapping or not _admits("object", request)
        self._event = endpoint.event if wraps else None
        self._requests_conform = _each(request)
        self._events_conform = _each(self._event) if self._event else None

    def judge(self, block: Block) -> Judged:
        """Every departure of these payloads, each with its place."""
        if block.sound and self._conform(block.values):
            return Judged(len(block.values))
        judged = Judged(0)
        found: list[Finding] = []
        for payload in self._split(block):
            here = [
                Finding(payload.place, violation, at=payload.at)
                for violation in self.violations(payload)
            ]
            judged.count += 1
            judged.refused += bool(here)
            found += here
        judged.findings = found
        return judged

    def violations(self, payload: Payload) -> Iterator[Violation]:
        """The departures of one payload that the vendor's default settings do not forgive."""
        if isinstance(payload.value, Unread):
            why = payload.value.why.removeprefix("the body ")
            yield Violation(payload.at, why, None, f"{self._contract.vendor}.body.malformed")
            return
        for violation in violations(payload.value, self._schema(payload.value), rule=self._rule):
            if not self._waives(violation, self._defaults):
                yield replace(violation, path=payload.at + violation.path[1:])

    def _conform(self, values: Sequence[Any]) -> bool:
        if self._events_conform is not None and self._events_conform(values):
            return all(map(self._wrapping.isdisjoint, values))
        return self._requests_conform(values)

    def _schema(self, value: Any) -> Schema:
        """An object with nothing of a request about it is an event."""
        if self._event is None or not isinstance(value, dict):
            return self._request
        return self._event if self._wrapping.isdisjoint(value) else self._request

    def _split(self, block: Block) -> Iterator[Payload]:
        """The payloads; an array is many, where the endpoint itself takes none."""
        for payload in block.payloads():
            if isinstance(payload.value, list) and not self._takes_arrays:
                yield from payload.elements()
            else:
                yield payload

    @cached_property
    def _takes_arrays(self) -> bool:
        return _admits("array", self._request)

    @cached_property
    def _waives(self) -> Callable[[Violation, Mapping[str, Any]], bool]:
        # Only what departs needs the vendor's room, which takes a while to import.
        return load([self._contract.vendor])[self._contract.vendor].waives

    @cached_property
    def _defaults(self) -> Mapping[str, Any]:
        rules = self._contract.rules
        return {id: setting(rules[id], value) for id, value in self._contract.defaults.items()}


class SegmentEvents:
    """Judges Segment events by the requests a translator makes of them; `watch` sees both."""

    def __init__(
        self, contract: Contract, translate: Translate, watch: Watch | None = None
    ) -> None:
        self._contract = contract
        self._watch = watch
        self._translate = translate
        self._bodies: dict[str, Bodies] = {}

    def judge(self, block: Block) -> Judged:
        """Every reason for which these events would not arrive, each with its place."""
        judged = Judged(0)
        found: list[Finding] = []
        for payload in _events(block):
            here = self._findings(payload)
            judged.count += 1
            judged.skipped += here is None
            judged.refused += bool(here)
            found += here or []
        judged.findings = found
        return judged

    def _findings(self, payload: Payload) -> list[Finding] | None:
        """None where the vendor takes no events of this type."""
        if isinstance(payload.value, Unread):
            why = payload.value.why.removeprefix("the body ")
            return [_refusal(payload, "$", why, "")]
        try:
            event = parse(payload.value)
            outcome = self._translate(event)
        except BadEvent as fault:
            return [_refusal(payload, fault.path, fault.why, "")]
        if self._watch is not None:
            self._watch(payload, event, outcome)
        if isinstance(outcome, Untranslatable):
            if outcome.unsupported:
                return None
            return [_refusal(payload, outcome.path, outcome.reason, outcome.rule)]
        sources = {f"$.{traced.field}": traced.source for traced in outcome.trace}
        return [
            _translated(payload, violation, sources.get(violation.path))
            for request in outcome.requests
            for violation in self._of(request.endpoint).violations(
                Payload(payload.place, "$", request.body)
            )
        ]

    def _of(self, endpoint: str) -> Bodies:
        if endpoint not in self._bodies:
            chosen = choose(self._contract, endpoint)
            self._bodies[endpoint] = Bodies(self._contract, chosen)
        return self._bodies[endpoint]


def _events(block: Block) -> Iterator[Payload]:
    for payload in block.payloads():
        yield from payload.elements() if isinstance(payload.value, list) else [payload]


def _refusal(payload: Payload, path: str, why: str, rule: str) -> Finding:
    violation = Violation(payload.at + path[1:], why, None, rule)
    return Finding(payload.place, violation, at=payload.at)


def _translated(payload: Payload, violation: Violation, source: str | None) -> Finding:
    where = payload.at + (source or "$")[1:]
    return Finding(payload.place, violation, source, payload.at, where)


def _each(schema: Schema) -> Callable[[Any], bool]:
    """The verdict on a list of which every item must conform."""
    items = {key: value for key, value in schema.document.items() if key != "$defs"}
    return schema.compiled({"type": "array", "items": items})


def _admits(kind: str, schema: Schema) -> bool:
    """Whether a value of this JSON type may conform to the schema."""
    defs = schema.document.get("$defs", {})

    def admitted(node: Mapping[str, Any]) -> bool:
        if "$ref" in node:
            return admitted(defs[node["$ref"].removeprefix("#/$defs/")])
        ways = [*node.get("anyOf", ()), *node.get("oneOf", ())]
        types = node.get("type", kind)
        return (types == kind or kind in types) and (not ways or any(map(admitted, ways)))

    return admitted(schema.document)
