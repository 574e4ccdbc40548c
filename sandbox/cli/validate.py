"""`meterbox validate`: payloads against a vendor's contract, before the vendor sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import click

from contracts.model import BadValue, Contract
from contracts.reader import read
from sandbox.cli.destination import destination, settings_options
from sandbox.cli.linting import LintedBodies, LintedEvents, Looked
from sandbox.cli.lintoptions import Known, lint_options, wanted
from sandbox.cli.output import EXIT_CODES, progress
from sandbox.cli.payloads import Block, blocks, size
from sandbox.cli.reporting import Wanted, report_option, write_reports
from sandbox.cli.telling import JsonLines, Lines, Silence, sentence
from sandbox.cli.validated import Kept
from sandbox.cli.verdict import Bodies, Judged, SegmentEvents, choose

__all__ = ["command"]


@click.command(epilog=EXIT_CODES)
@click.argument("vendor")
@click.argument("files", nargs=-1, metavar="[FILE|-]...")
@click.option("--segment", is_flag=True, help="The files hold Segment events, to be translated.")
@click.option("--endpoint", metavar="NAME", help="The endpoint the payloads are for.")
@settings_options
@lint_options
@report_option
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
    lint: bool | None,
    now: str | None,
    customers: str | None,
    metrics: str | None,
    reports: tuple[Wanted, ...],
    as_json: bool,
) -> None:
    """Check payloads against a vendor's contract.

    Files are NDJSON or JSON; a payload is a whole request body or a single event, and an array is
    many. With --segment they are Segment events, and the requests they become are checked.

    --lint also looks at keys, times, values and customers of all events together. What it finds is
    meterbox's own advice; an error among it is a violation.
    """
    if segment and endpoint:
        raise BadValue("--endpoint", endpoint, "for Segment events; the translator chooses")
    if not segment and (pairs or settings):
        raise BadValue("--setting", next(iter(pairs), settings), "for payloads; add --segment")
    contract = read(vendor)
    by = wanted(contract, lint, now, customers, metrics)
    events = partial(_events, pairs=pairs, settings=settings)
    judge = (events if segment else partial(_bodies, name=endpoint))(contract, by)
    report = _chosen(as_json, reports)(judge.subject)
    kept = Kept(contract, settings)
    total = _check(files or ("-",), judge, [report, kept] if reports else [report])
    report.close(total, judge.looked, judge.lintable)
    subject = sentence(judge.subject, total)
    write_reports(kept.report(subject, total, judge.looked), reports)
    ctx.exit(1 if total.refused or judge.errors else 0)


@dataclass(frozen=True)
class _Judge:
    """What judges payloads, and what looks at them besides."""

    subject: str
    judge: Callable[[Block], Judged]
    looked: Looked | None = None
    lintable: bool = True

    @property
    def errors(self) -> bool:
        """Whether something was found that is as bad as a violation."""
        return self.looked is not None and any(c.level == "error" for c in self.looked.causes())


def _bodies(contract: Contract, by: Known | None, name: str | None) -> _Judge:
    chosen = choose(contract, name)
    bodies, subject = Bodies(contract, chosen), f"{contract.title} {chosen.name}"
    if by is None:
        lintable = any(chosen.name in layout.endpoints for layout in contract.layouts)
        return _Judge(subject, bodies.judge, lintable=lintable)
    linted = LintedBodies(contract, chosen.name, by)

    def judge(block: Block) -> Judged:
        linted.look(block)
        return bodies.judge(block)

    return _Judge(subject, judge, linted)


def _events(
    contract: Contract, by: Known | None, pairs: Sequence[str], settings: str | None
) -> _Judge:
    translate = destination(contract.vendor, pairs, settings)
    linted = None if by is None else LintedEvents(contract, by)
    events = SegmentEvents(contract, translate, None if linted is None else linted.look)
    return _Judge(f"{contract.title} from Segment", events.judge, linted)


def _chosen(as_json: bool, reports: Sequence[Wanted]) -> type[Silence]:
    """How to tell as it goes; a report on the standard output is all there is on it."""
    if any(want.file is None for want in reports):
        return Silence
    return JsonLines if as_json else Lines


def _check(names: Sequence[str], judge: _Judge, tell: Sequence[Silence | Kept]) -> Judged:
    """Report every finding as it is found; answers the totals."""
    total = Judged(0)
    with progress(size(names), "Checking") as advance:
        for block in chain.from_iterable(map(blocks, names)):
            judged = judge.judge(block)
            for told in tell:
                told.add(judged.findings)
            total.count += judged.count
            total.refused += judged.refused
            total.skipped += judged.skipped
            advance(block.size)
    return total
