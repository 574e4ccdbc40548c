"""`meterbox function run`: a Segment Destination Function in Node.js, against the sandbox."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contracts.model import BadValue, MeterboxError
from sandbox.cli.destination import given_settings, settings_options
from sandbox.cli.payloads import Payload, Unread, UnusableFile, blocks

if TYPE_CHECKING:
    from sandbox.app import Sandbox
    from sandbox.cli.functionreport import Report
    from sandbox.functions.book import Subject
    from sandbox.functions.node import Node
    from sandbox.functions.source import Source
    from sandbox.stage import Step

__all__ = ["command"]

EXITS = (
    "Exit codes: 0 every event was delivered, or is none that the function takes or sends; "
    "1 an event was lost, billed twice, retried or discarded, the handler crashed, or the function "
    "does not load; "
    "2 wrong use, such as a missing file, or no Node.js."
)
SEGMENTS = 20
"""Events of a batch, unless Segment's support has raised it."""


@click.group()
def command() -> None:
    """Run a Segment Destination Function here and show what was billed, and what lost."""


@command.command(epilog=EXITS)
@click.argument("file", metavar="FILE.js")
@click.option(
    "--event",
    "events",
    metavar="FILE|-",
    multiple=True,
    required=True,
    help="Segment events for the function, as NDJSON or JSON.",
)
@settings_options
@click.option("--stage", metavar="FILE", help="What there is at the vendors before: JSON steps.")
@click.option(
    "--batch",
    type=click.IntRange(1, 400),
    is_flag=False,
    flag_value=SEGMENTS,
    help=f"Hand the events to onBatch, so many at once.  [{SEGMENTS} without a number]",
)
@click.option(
    "--retry",
    "retries",
    type=click.IntRange(0, 100),
    default=0,
    metavar="N",
    help="Try again up to N times, at once, what Segment would retry.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, 300, min_open=True),
    help="Seconds a handler may take.  [5, as at Segment]",
)
@click.option("--now", metavar="TIME", help="What time it is at the vendors.")
@click.option("--node", metavar="PATH", help="The Node.js to run it in.  [the one on PATH]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.pass_context
def run(
    ctx: click.Context,
    /,
    file: str,
    events: tuple[str, ...],
    pairs: tuple[str, ...],
    settings: str | None,
    stage: str | None,
    now: str | None,
    node: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Run a Destination Function on Segment events, as Segment would.

    Vendors' hosts lead into a sandbox of this command's own; no other address is reached. It shows
    each request with its answer, how Segment would class the outcome, and what the ledgers bill:
    what resolves though the usage is not billed is lost silently.
    """
    from sandbox.cli.functionreport import JsonReport, Report
    from sandbox.functions.node import find

    source, subjects = _source(file), _subjects(events)
    given, steps = given_settings(pairs, settings), _stage(stage)
    sandbox = _sandbox(_time(now))
    report = (JsonReport if as_json else Report)(source, sandbox, given, staged=bool(steps))
    trying = _tried(sandbox, find(node), source, steps, subjects, given, report, **how)
    asyncio.run(trying)
    report.close()
    ctx.exit(1 if report.failed else 0)


async def _tried(
    sandbox: Sandbox,
    node: Node,
    source: Source,
    steps: Sequence[Step],
    subjects: Sequence[Subject],
    settings: Mapping[str, Any],
    report: Report,
    *,
    batch: int | None,
    retries: int,
    timeout: float | None,
) -> None:
    from sandbox.functions.gate import Gate
    from sandbox.functions.runner import TIMEOUT, Runner, Unloadable
    from sandbox.functions.trial import Trial

    seconds = timeout or TIMEOUT
    async with Gate(sandbox, steps) as gate:
        runner = Runner(node, source, gate.carry, timeout=seconds)
        try:
            handlers = await runner.load()
            report.begin(handlers)
            trial = Trial(
                runner, handlers, settings, seconds=seconds, retries=retries, batch=batch or 0
            )
            async for result in trial.results(subjects):
                report.add(result)
        except Unloadable as fault:
            report.unloadable(fault.thrown)
        finally:
            await runner.stop()
        report.late = runner.late


def _sandbox(at: datetime | None) -> Sandbox:
    """A sandbox with the switches that are configured here."""
    from sandbox.app import Options, create_app
    from sandbox.config import load

    config = load(None, os.environ)
    options = Options(seed=config.server.seed, settings=config.settings)
    return create_app(options if at is None else replace(options, source=lambda: at))


def _source(name: str) -> Source:
    from sandbox.functions.source import Source

    file = Path(name)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as fault:
        raise UnusableFile(name, fault) from fault
    except UnicodeDecodeError as fault:
        raise MeterboxError(f"{name}: is not UTF-8 text") from fault
    return Source(file.name, text, file.resolve().parent)


def _subjects(names: Iterable[str]) -> list[Subject]:
    """The events of these files; all must be events, or none is tried."""
    found = [
        _subject(payload)
        for name in names
        for block in blocks(name)
        for whole in block.payloads()
        for payload in (whole.elements() if isinstance(whole.value, list) else [whole])
    ]
    if not found:
        raise MeterboxError(f"{', '.join(names)}: there is no event in it")
    return found


def _subject(payload: Payload) -> Subject:
    from sandbox.functions.book import Subject
    from translators.event import BadEvent, parse

    if isinstance(payload.value, Unread):
        raise MeterboxError(f"{payload.place}: {payload.value.why.replace('the body', 'it', 1)}")
    try:
        parse(payload.value)
    except BadEvent as fault:
        raise MeterboxError(
            f"{payload.place}: {payload.at}{fault.path[1:]}: {fault.why}"
        ) from fault
    return Subject(payload.place, payload.at, payload.value)


def _stage(name: str | None) -> Sequence[Step]:
    """The steps of a stage. Raises MeterboxError."""
    from sandbox.stage import check

    if name is None:
        return ()
    values = [payload.value for block in blocks(name) for payload in block.payloads()]
    unread = next((value for value in values if isinstance(value, Unread)), None)
    if unread is not None:
        raise MeterboxError(f"{name}: {unread.why.replace('the body', 'it', 1)}")
    try:
        return check(values[0] if len(values) == 1 else values)
    except MeterboxError as fault:
        raise MeterboxError(f"{name}: {fault}") from fault


def _time(text: str | None) -> datetime | None:
    from sandbox.clock import parse

    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as fault:
        raise BadValue("--now", text, "a time such as 2026-01-15T12:00:00Z") from fault
