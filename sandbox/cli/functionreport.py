"""What `meterbox function run` tells: each event with its requests, then what would be billed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox import view
from sandbox.app import Sandbox
from sandbox.auth import redacted
from sandbox.cli.output import Span, write, write_json
from sandbox.functions.book import Subject
from sandbox.functions.call import Call, Thrown
from sandbox.functions.gate import Made
from sandbox.functions.outcome import FAILED, Kind, Outcome
from sandbox.functions.source import Source
from sandbox.functions.trial import Result, Try
from sandbox.reply import Usage
from sandbox.veil import Veil

__all__ = ["JsonReport", "Report"]

STYLES: Mapping[Kind, str] = {
    "delivered": "green",
    "no usage": "yellow",
    "unsupported": "yellow",
    "lost silently": "bold red",
    "billed twice": "bold red",
    "retried": "magenta",
    "discarded": "red",
    "crashed": "red",
}
SHOWN = 300
FEW = 5
SECRET = re.compile(r"key|token|secret|password|auth", re.I)
NODES = (
    "AbortController Blob TextDecoder TextEncoder clearImmediate exports global module performance "
    "process queueMicrotask require setImmediate structuredClone window"
)
"""Names that people expect, and Segment does not document."""
ABSENT = re.compile(rf"({NODES.replace(' ', '|')}) is not defined")
LOAD, GLOBALS = "segment.function.load", "segment.function.globals"


class Report:
    """For people: as it happens, a few lines an event."""

    def __init__(
        self, source: Source, sandbox: Sandbox, settings: Mapping[str, Any], *, staged: bool
    ) -> None:
        self._source, self._sandbox, self._staged = source, sandbox, staged
        self._secrets = {
            str(value) for name, value in settings.items() if SECRET.search(name) and value
        }
        self._counts: Counter[Kind] = Counter()
        self._thrown: Thrown | None = None
        self._handlers: list[str] | None = None
        self.late: list[str] = []

    @property
    def failed(self) -> bool:
        broken = self._thrown is not None or self._handlers == []
        return broken or bool(self.late) or bool(FAILED & self._counts.keys())

    def begin(self, handlers: Sequence[str]) -> None:
        """Tell which handlers the function has, where it has none."""
        self._handlers = list(handlers)
        if not handlers:
            self._tell_bare()

    def _tell_bare(self) -> None:
        write((f"{self._source.name} has no handler, such as onTrack", "bold red"))

    def add(self, result: Result) -> None:
        """Tell what became of a call's events."""
        self._counts.update(outcome.kind for outcome in result.outcomes.values())
        for subject in result.subjects:
            write((f"{subject.place}: ", "dim"), (subject.title, "bold"), f" -> {result.handler}")
            for name in subject.lacking:
                write(("  note: ", "yellow"), f"it has no {name}, which Segment always sends")
        for number, one in enumerate(result.tries, 1):
            if len(result.tries) > 1:
                write((f"  try {number}", "dim"))
            for spans in self._call(one.call):
                write(*spans)
        for spans in self._outcomes(result):
            write(*spans)

    def unloadable(self, thrown: Thrown) -> None:
        """Tell that the function's code does not load, which ends it all."""
        self._thrown = thrown
        at = f"{self._source.name}:{thrown.line}" if thrown.line else self._source.name
        write((f"{at} does not load: ", "bold red"), self._veil.text(str(thrown)))
        write(f"  Segment could run it for no event [{LOAD}]")

    def close(self) -> None:
        """Tell what the ledgers came to, and how the events fared."""
        if self._thrown is not None:
            return
        for what in self.late[:FEW]:
            write(
                ("after its handler had settled, and for nothing: ", "bold red"),
                self._veil.text(what),
            )
        if len(self.late) > FEW:
            write(f"and {len(self.late) - FEW:,} more")
        totals = self._totals()
        write(("\nWhat the ledgers would bill", "bold"), "" if totals else ": nothing")
        for total in totals:
            quantity = f"{total['quantity']} {total['meter']} for {total['customer']}"
            events = _counted(total["events"], "event")
            write(f"  {total['vendor']} {total['account']}: {quantity} ({events})")
        counts = ", ".join(f"{count} {kind}" for kind, count in self._counts.items())
        style = "bold red" if self.failed else "bold green"
        write((f"{_counted(self._counts.total(), 'event')}: {counts}.", style))
        if self.failed and not self._staged:
            write("No customer or meter was set up at the vendors; --stage FILE does that.")

    def _call(self, call: Call) -> Iterator[list[Span]]:
        for made in call.requests:
            yield from self._request(made)
        for level, text in call.logs:
            yield [(f"  console.{level}: ", "dim"), self._veil.text(text)]
        for where in call.egress:
            yield [("  not let out: ", "yellow"), where]
        for note in _notes(call):
            yield [("  note: ", "yellow"), note]

    def _request(self, made: Made) -> Iterator[list[Span]]:
        asked, veil = made.asked, self._veil
        body = veil.beginning(asked.body.decode("utf-8", "replace"), SHOWN)
        yield [f"  {asked.method} {veil.text(asked.url)}  ", (body, "dim")]
        if made.exchange is None or made.account is None:
            yield [("    no answer: ", "red"), made.broken]
            return
        told = view.exchange(made.exchange, made.account)
        answer = f"{made.status}" if made.status is not None else f"no answer: {made.broken}"
        body = told["response"]["body"][:SHOWN] or "(no body)"
        tone = "red" if made.refused else "green"
        yield [(f"    {answer}  ", tone), (body if made.status is not None else "", "dim")]
        for found in told["findings"]:
            message = f"      {found['path']}: {found['message']} "
            yield [message, (f"[{found['rule']}, {found['confidence']}]", "cyan")]

    def _outcomes(self, result: Result) -> Iterator[list[Span]]:
        for number, outcome in result.outcomes.items():
            of = f"{result.subjects[number].title}: " if len(result.subjects) > 1 else ""
            reason = self._veil.text(outcome.reason)
            code = f" {outcome.code}" if outcome.code else ""
            rules = f"  [{' '.join(outcome.rules)}]"
            kind: Span = (f"  {of}{outcome.kind}{code}", STYLES[outcome.kind])
            yield [kind, f": {reason}", (rules, "cyan")]
        billed = _billed(result)
        if billed and any(o.kind != "delivered" for o in result.outcomes.values()):
            yield [("  billed all the same: ", "yellow"), ", ".join(map(_used, billed))]

    def _totals(self) -> list[dict[str, Any]]:
        return [
            {
                "vendor": account.room.contract.title,
                "account": redacted(account.key),
                "customer": total.customer,
                "meter": total.meter,
                "quantity": total.quantity,
                "events": total.events,
            }
            for account in self._sandbox.accounts
            if account.room.contract.role == "billing"
            for total in account.ledger.totals()
        ]

    @property
    def _veil(self) -> Veil:
        return Veil({*self._secrets, *(account.key for account in self._sandbox.accounts)})


class JsonReport(Report):
    """For programs: one JSON object, at the end."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._calls: list[dict[str, Any]] = []

    def _tell_bare(self) -> None:
        pass

    def add(self, result: Result) -> None:
        self._counts.update(outcome.kind for outcome in result.outcomes.values())
        self._calls.append(
            {
                "handler": result.handler,
                "events": [
                    _event(subject, result.outcomes[number])
                    for number, subject in enumerate(result.subjects)
                ],
                "billed": [_usage(usage) for usage in _billed(result)],
                "tries": [self._try(one) for one in result.tries],
            }
        )

    def unloadable(self, thrown: Thrown) -> None:
        self._thrown = thrown

    def close(self) -> None:
        told = {
            "function": self._source.name,
            "unloadable": _thrown(self._thrown, rule=LOAD),
            "handlers": self._handlers or [],
            "calls": self._calls,
            "late": self.late,
            "totals": self._totals(),
            "outcomes": dict(self._counts),
        }
        write_json(self._veil.node(told))

    def _try(self, one: Try) -> dict[str, Any]:
        call = one.call
        return {
            "requests": [self._made(made) for made in call.requests],
            "threw": _thrown(call.threw),
            "timed_out": call.timed_out,
            "crashed": call.crashed or None,
            "console": [{"level": level, "text": text} for level, text in call.logs],
            "unawaited": call.unawaited,
            "rejections": [_thrown(thrown) for thrown in call.rejections],
            "not_let_out": call.egress,
            "notes": list(_notes(call)),
        }

    def _made(self, made: Made) -> dict[str, Any]:
        asked = made.asked
        exchange = None
        if made.exchange is not None and made.account is not None:
            exchange = view.exchange(made.exchange, made.account)
        return {
            "method": asked.method,
            "url": asked.url,
            "status": made.status,
            "broken": made.broken or None,
            "exchange": exchange,
        }


def _billed(result: Result) -> list[Usage]:
    return [usage for usages in result.billed.values() for usage in usages]


def _used(usage: Usage) -> str:
    return f"{usage.quantity} {usage.meter} for {usage.customer}"


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "event": usage.event,
        "customer": usage.customer,
        "meter": usage.meter,
        "quantity": usage.quantity,
    }


def _event(subject: Subject, outcome: Outcome) -> dict[str, Any]:
    file, _, line = subject.place.rpartition(":")
    return {
        "file": file,
        "line": int(line),
        "at": subject.at,
        "event": subject.title,
        "outcome": outcome.kind,
        "reason": outcome.reason,
        "code": outcome.code,
        "rules": list(outcome.rules),
        "lacking": subject.lacking,
    }


def _thrown(thrown: Thrown | None, **more: Any) -> dict[str, Any] | None:
    if thrown is None:
        return None
    return {"name": thrown.name, "message": thrown.message, "line": thrown.line, **more}


def _notes(call: Call) -> Iterator[str]:
    """What explains a call, and is no outcome."""
    absent = ABSENT.match(call.threw.message) if call.threw is not None else None
    if absent is not None:
        yield f"{absent[1]} is not among the globals that Segment documents [{GLOBALS}]"
    for name in dict.fromkeys(call.lacking):
        yield f"{name} is at Segment, and is not installed here"
    if call.timers and call.requests:
        yield f"{_counted(call.timers, 'timer')} still running when the handler settled"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
