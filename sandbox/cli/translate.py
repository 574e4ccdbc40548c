"""`meterbox translate`: the vendor requests that Segment events become, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any

import click
import orjson

from sandbox.cli.destination import destination, settings_options
from sandbox.cli.output import EXIT_CODES, Span, write, write_json
from sandbox.cli.payloads import Payload, Unread, blocks
from translators.event import BadEvent, parse
from translators.mapping import Translate
from translators.request import Outcome, Translation, Untranslatable, VendorRequest

__all__ = ["command"]


@click.command(epilog=EXIT_CODES)
@click.argument("vendor")
@click.argument("file", default="-", metavar="[FILE|-]")
@settings_options
@click.option("--explain", is_flag=True, help="Show where each field came from, and what was left.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an event, for programs.")
@click.pass_context
def command(
    ctx: click.Context,
    vendor: str,
    file: str,
    pairs: tuple[str, ...],
    settings: str | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Show the vendor requests that Segment events become.

    The file is NDJSON or JSON. Each request is a line of JSON; an event that becomes none is told
    on the error channel.
    """
    translate = destination(vendor, pairs, settings)
    refused = False
    for payload in _events(file):
        outcome = _outcome(payload, translate)
        refused = refused or isinstance(outcome, Untranslatable)
        if as_json:
            write_json(_document(payload, outcome, explain=explain))
        elif explain:
            _explain(payload, outcome)
        else:
            _print(payload, outcome)
    ctx.exit(1 if refused else 0)


def _events(file: str) -> Iterator[Payload]:
    for payload in chain.from_iterable(block.payloads() for block in blocks(file)):
        yield from payload.elements() if isinstance(payload.value, list) else [payload]


def _outcome(payload: Payload, translate: Translate) -> Outcome:
    if isinstance(payload.value, Unread):
        return Untranslatable("$", payload.value.why.removeprefix("the body "), "")
    try:
        return translate(parse(payload.value))
    except BadEvent as fault:
        return Untranslatable(fault.path, fault.why, "")


def _request(request: VendorRequest) -> dict[str, Any]:
    return {
        "endpoint": request.endpoint,
        "method": request.method,
        "path": request.path,
        "body": request.body,
    }


def _document(payload: Payload, outcome: Outcome, *, explain: bool) -> dict[str, Any]:
    file, _, line = payload.place.rpartition(":")
    document: dict[str, Any] = {"file": file, "line": int(line), "at": payload.at, "requests": []}
    if isinstance(outcome, Untranslatable):
        return {**document, "untranslatable": {**asdict(outcome), "rule": outcome.rule or None}}
    document |= {"requests": [_request(r) for r in outcome.requests], "untranslatable": None}
    if explain:
        document["trace"] = [asdict(traced) for traced in outcome.trace]
        document["dropped"] = list(outcome.dropped)
    return document


def _print(payload: Payload, outcome: Outcome) -> None:
    if isinstance(outcome, Untranslatable):
        click.echo("".join(text for text, _ in _refusal(payload, outcome)), err=True)
        return
    for request in outcome.requests:
        write_json(_request(request))


def _refusal(payload: Payload, outcome: Untranslatable) -> list[tuple[str, str]]:
    rule = f" [{outcome.rule}]" if outcome.rule else ""
    return [
        (f"{payload.place}: ", "dim"),
        (payload.at + outcome.path[1:], "bold"),
        (f": {outcome.reason}", "red"),
        (rule, "cyan"),
    ]


def _explain(payload: Payload, outcome: Outcome) -> None:
    if isinstance(outcome, Untranslatable):
        write(*_refusal(payload, outcome))
        return
    sent = ", ".join(f"{r.method} {r.path}" for r in outcome.requests) or "no request"
    write((f"{payload.place}: ", "dim"), f"{_called(payload.value)} -> ", (sent, "bold"))
    for spans in _traced(outcome):
        write(*spans)


def _called(event: Any) -> str:
    """An event as people call it: its type, and its name where it has one."""
    known = parse(event)
    return f"{known.type} {known.name}" if known.name else known.type


def _traced(outcome: Translation) -> Iterator[list[Span]]:
    """Aligned lines: field, where it came from, value, rule; then what nothing was made of."""
    fields = [traced.field for traced in outcome.trace]
    sources = [traced.source or "(constant)" for traced in outcome.trace]
    wide, wider = max(map(len, fields), default=0), max(map(len, sources), default=0)
    for traced, source in zip(outcome.trace, sources, strict=True):
        value = orjson.dumps(traced.value).decode()
        yield [
            f"  {traced.field:<{wide}} <- ",
            (f"{source:<{wider}}  ", "green"),
            f"{value}  ",
            (f"[{traced.rule}]", "cyan"),
        ]
    for path in outcome.dropped:
        yield [(f"  dropped {path}", "yellow")]
