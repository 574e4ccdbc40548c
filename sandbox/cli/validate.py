"""`meterbox validate`: payloads against a vendor's contract, before the vendor sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import click
import orjson

from contracts.model import BadValue
from contracts.reader import read
from sandbox.cli.destination import destination, settings_options
from sandbox.cli.output import EXIT_CODES, Span, progress, write
from sandbox.cli.payloads import Block, blocks, size
from sandbox.cli.verdict import Bodies, Finding, Judged, SegmentEvents, choose

__all__ = ["command"]


@click.command(epilog=EXIT_CODES)
@click.argument("vendor")
@click.argument("files", nargs=-1, metavar="[FILE|-]...")
@click.option("--segment", is_flag=True, help="The files hold Segment events, to be translated.")
@click.option("--endpoint", metavar="NAME", help="The endpoint the payloads are for.")
@settings_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.pass_context
def command(
    ctx: click.Context,
    vendor: str,
    files: tuple[str, ...],
    segment: bool,
    endpoint: str | None,
    pairs: tuple[str, ...],
    settings: str | None,
    as_json: bool,
) -> None:
    """Check payloads against a vendor's contract.

    Files are NDJSON or JSON; a payload is a whole request body or a single event, and an array is
    many. With --segment they are Segment events, and the requests they become are checked.
    """
    if segment and endpoint:
        raise BadValue("--endpoint", endpoint, "for Segment events; the translator chooses")
    if not segment and (pairs or settings):
        raise BadValue("--setting", next(iter(pairs), settings), "for payloads; add --segment")
    contract = read(vendor)
    if segment:
        translate = destination(vendor, pairs, settings)
        judge, subject = SegmentEvents(contract, translate).judge, "from Segment"
    else:
        chosen = choose(contract, endpoint)
        judge, subject = Bodies(contract, chosen).judge, chosen.name
    report = _JsonReport() if as_json else _Report(f"{contract.title} {subject}")
    total = _check(files or ("-",), judge, report)
    report.close(total)
    ctx.exit(1 if total.refused else 0)


def _check(names: Sequence[str], judge: Callable[[Block], Judged], report: _Report) -> Judged:
    """Report every finding as it is found; answers the totals."""
    total = Judged(0)
    with progress(size(names), "Checking") as advance:
        for block in chain.from_iterable(map(blocks, names)):
            judged = judge(block)
            report.add(judged.findings)
            total.count += judged.count
            total.refused += judged.refused
            total.skipped += judged.skipped
            advance(block.size)
    return total


class _Report:
    """Findings for people: a line each, then a sentence that begins with `subject`."""

    def __init__(self, subject: str) -> None:
        self._subject = subject

    def add(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            write(*_spans(finding))

    def close(self, total: Judged) -> None:
        checked = f"{total.count:,} payload{'' if total.count == 1 else 's'} checked"
        refused = f"{total.refused:,} refused" if total.refused else "none refused"
        skipped = f", {total.skipped:,} of a type it does not take" if total.skipped else ""
        style = "bold red" if total.refused else "bold green"
        write((f"{self._subject}: {checked}, {refused}{skipped}.", style))


class _JsonReport(_Report):
    """The same as one JSON object, written as it grows: findings may be too many to keep."""

    def __init__(self) -> None:
        self._before = '{"violations": ['

    def add(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            click.echo(self._before + orjson.dumps(_document(finding)).decode(), nl=False)
            self._before = ",\n"

    def close(self, total: Judged) -> None:
        head = self._before if self._before.startswith("{") else ""
        counts = f'"payloads": {total.count}, "refused": {total.refused}'
        click.echo(f'{head}], {counts}, "skipped": {total.skipped}}}')


def _spans(finding: Finding) -> Iterator[Span]:
    violation = finding.violation
    yield finding.place, "dim"
    yield ": "
    yield violation.path, "bold"
    if finding.source is not None:
        yield f" (from {finding.source})"
    yield f": {violation.message}"
    if violation.suggestion is not None:
        yield "; did you mean "
        yield repr(violation.suggestion), "green"
        yield "?"
    if violation.rule:
        yield f" [{violation.rule}]", "cyan"


def _document(finding: Finding) -> dict[str, Any]:
    violation = finding.violation
    file, _, line = finding.place.rpartition(":")
    return {
        "file": file,
        "line": int(line),
        "path": violation.path,
        "message": violation.message,
        "value": violation.value,
        "rule": violation.rule or None,
        "suggestion": violation.suggestion,
        "source": finding.source,
    }
