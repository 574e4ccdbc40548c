"""Plays a contract case: its steps, its request, and what is behind the answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from contracts.cases import NOW, Case, Difference, differences, keep, render
from contracts.conformance import violations
from contracts.model import Contract, Endpoint
from sandbox.clock import parse
from sandbox.paths import Paths
from sandbox.verifying.asking import Answer, Asked, asked, differing
from sandbox.verifying.target import NotComparable, Target

__all__ = ["PARTNER", "Player", "behind", "needs"]

STEPS = {
    "advance": "the clock turned",
    "fault": "a fault set",
    "dashboard": "the vendor's web page",
}
PARTNER = re.compile(r"/destinations/(\w+)")
"""Where a source's events are applied at another vendor, which is an endpoint of meterbox's own."""
BEHIND = ("totals", "outcomes", "shows")
NEAR = timedelta(minutes=10)
LEAST_MILLIS = 10**12  # in 2001: a smaller number is a count of something
SHORTEST = len("1768478400")

Told = Callable[..., Any]


class _Stop(Exception):
    """A step went otherwise, so what follows would say nothing."""

    def __init__(self, found: Sequence[Difference]) -> None:
        super().__init__()
        self.found = found


def needs(case: Case) -> tuple[str, ...]:
    """What of a case only a sandbox does."""
    wanted = {words for step in case.given for kind, words in STEPS.items() if kind in step}
    asked = [case.request, *(step["request"] for step in case.given if "request" in step)]
    if any(PARTNER.match(request["path"]) for request in asked):
        wanted.add("a partner's endpoint")
    return tuple(sorted(wanted | ({"its rules set otherwise"} if case.settings else set())))


def behind(case: Case) -> tuple[str, ...]:
    """What of a case is behind the answer, where only a sandbox lets one look."""
    return tuple(name for name in BEHIND if getattr(case, name) is not None)


class Player:
    """Plays the cases of one vendor."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._paths = Paths(contract.endpoints)

    def play(self, case: Case, target: Target) -> list[Difference]:
        """Where the target does not do as the case says. Raises NotComparable."""
        if not target.sandbox and (wanted := needs(case)):
            raise NotComparable(f"needs {' and '.join(wanted)}, which only a sandbox does")
        try:
            found = list(self._played(case, target))
        except _Stop as stop:
            found = list(stop.found)
        # A clock that runs has gone on when the answer comes.
        now = target.now()
        return found if target.sandbox else [one for one in found if not _about(one, now)]

    def endpoint(self, method: str, path: str) -> Endpoint | None:
        """Which of the vendor's endpoints is asked, if any is."""
        return self._paths.find(method, path.partition("?")[0]).methods.get(method)

    def _played(self, case: Case, target: Target) -> Iterator[Difference]:
        kept: dict[str, str] = {}
        told = partial(render, run=target.run, kept=kept)
        if case.settings:
            target.act("settings", case.settings)
        for number, step in enumerate(case.given, 1):
            given = self._prepared(target, told(step, now=target.now()), f"given[{number}]")
            kept |= _kept(given, step.get("keep", {}), f"given[{number}]")
        now = target.now()
        sent = asked(self.contract, target.key, told(case.request, now=now))
        answer = target.ask(sent, case.response["status"])
        # An answer that departs from the case departs from its schema too, most of the time.
        found = [*differing(told(case.response, now=now), answer)]
        found = found or list(self._nonconforming(sent, answer))
        yield from found
        if target.sandbox and not found:
            yield from _behind(case, target, answer, partial(told, now=now))

    def _prepared(self, target: Target, step: Mapping[str, Any], at: str) -> Any:
        """Take a step before the request; answers the JSON it gave, if any is wanted."""
        if "advance" in step:
            return target.act("advance", step["advance"])
        if "fault" in step:
            return target.act("fault", step["fault"])
        if "dashboard" in step:
            return target.act(
                "dashboard", {"name": step["dashboard"], "json": step.get("json", {})}
            )
        sent, expected = asked(self.contract, target.key, step["request"]), step.get("status")
        for _ in range(step.get("times", 1)):
            answer = target.ask(sent, expected)
            wanted = answer.status if expected is None else expected
            if found := list(differences(wanted, answer.status, f"{at} status")):
                raise _Stop(found)
        try:
            return answer.json() if "keep" in step else None
        except ValueError:
            text = answer.text[:200]
            raise _Stop([Difference(at, f"expected JSON, got {text!r}", None, text)]) from None

    def _nonconforming(self, sent: Asked, answer: Answer) -> Iterator[Difference]:
        """Where an answer is none that the contract knows."""
        endpoint = self.endpoint(sent.method, sent.path)
        if endpoint is None:
            return
        if answer.status not in endpoint.responses:
            known = ", ".join(map(str, sorted(endpoint.responses)))
            message = f"{answer.status} is no status that {endpoint.name} is known to answer"
            yield Difference("status", f"{message}: {known}", None, answer.status)
            return
        if answer.body:
            yield from _labelled(answer, endpoint)
        yield from _misshapen(answer, endpoint)


def _misshapen(answer: Answer, endpoint: Endpoint) -> Iterator[Difference]:
    schema = endpoint.responses[answer.status]
    if schema is None:
        return
    try:
        told = answer.json()
    except ValueError:
        got = answer.text[:200]
        yield Difference("$", f"expected JSON, got {got!r}", None, got)
        return
    for found in violations(told, schema, rule=endpoint.rule):
        yield Difference(found.path, found.message, None, found.value)


def _labelled(answer: Answer, endpoint: Endpoint) -> Iterator[Difference]:
    """Where an answer is of another media type; its parameters do not count."""
    wanted = endpoint.answers.get(answer.status)
    given = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if wanted and given != wanted.partition(";")[0]:
        message = f"expected {wanted!r}, got {given!r}"
        yield Difference("header content-type", message, wanted, given)


def _kept(answer: Any, wanted: Mapping[str, str], at: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, path in wanted.items():
        try:
            found |= keep(answer, {name: path})
        except (LookupError, TypeError, ValueError):
            raise _Stop([Difference(f"{at} $.{path}", "is missing")]) from None
    return found


def _behind(case: Case, target: Target, answer: Answer, told: Told) -> Iterator[Difference]:
    if case.findings is not None:
        exchange = answer.headers.get("x-meterbox-exchange")
        if exchange is None:
            raise NotComparable("is answered without X-Meterbox-Exchange, so findings are unknown")
        found = target.act("findings", exchange)
        yield from differences(told(case.findings), found, "findings")
    if case.totals is not None:
        yield from differences(told(case.totals), target.act("totals", None), "totals")
    if case.outcomes is not None:
        last, expected = target.act("outcomes", None), told(case.outcomes)
        seen = {event: last.get(event) for event in expected}
        yield from differences(expected, seen, "outcomes")
    for name, shown in told(case.shows or {}).items():
        seen = target.act("dashboard", {"name": name, "json": {}})
        machine = target.machine()
        for difference in differences(shown, seen, name):
            if machine is None or not _stamped(difference, machine):
                yield difference


def _stamped(difference: Difference, machine: datetime) -> bool:
    """Whether it is only that the sandbox stamped something with its machine's time."""
    wanted, got = _moment(difference.expected), _moment(difference.got)
    return wanted is not None and got is not None and abs(got - machine) < NEAR


def _about(difference: Difference, now: datetime) -> bool:
    """Whether both are times and about the same, be it as seen from the time cases are for."""
    expected, got = difference.expected, difference.got
    if type(expected) is not type(got):
        return False
    wanted, given = _moment(expected), _moment(got)
    if wanted is None or given is None:
        return False
    return abs(wanted - given) < NEAR or abs((wanted - NOW) - (given - now)) < NEAR


def _moment(value: Any) -> datetime | None:
    """A time: in a text as RFC 3339 or as seconds since 1970, or a number of milliseconds."""
    try:
        if isinstance(value, int) and value > LEAST_MILLIS:
            return datetime.fromtimestamp(value / 1000, UTC)
        if not isinstance(value, str) or len(value) < SHORTEST:
            return None
        return datetime.fromtimestamp(int(value), UTC) if value.isdecimal() else parse(value)
    except (ValueError, OverflowError, OSError):
        return None
