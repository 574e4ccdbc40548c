"""`meterbox drift`: what changed at a vendor between two transcripts."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.cli.output import EXIT_CODES
from sandbox.cli.reporting import Wanted, report_option, write_reports

__all__ = ["command"]

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(epilog=EXIT_CODES)
@click.argument("vendor")
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@report_option
@click.pass_context
def command(
    ctx: click.Context, vendor: str, old: Path, new: Path, reports: tuple[Wanted, ...]
) -> None:
    """Tell what changed at a vendor between two transcripts of `verify`.

    Each change is told once, with where it shows and the rule it touches. Times and identifiers
    that differ from run to run are no changes. Exit code 1 says that there are some.
    """
    from contracts.reader import read
    from sandbox.verifying.drift import drifted
    from sandbox.verifying.telling import told
    from sandbox.verifying.transcript import NoTranscript, Transcript

    contract = read(vendor)
    before, after = (Transcript.read(file, contract) for file in (old, new))
    found, compared = drifted(contract, before, after)
    if not compared:
        raise NoTranscript(new, f"has no case in common with {old} that was played in both")
    report = told(contract, before, after, found, compared)
    if all(want.file is not None for want in reports):
        write_reports(report, [Wanted("human", None)])
    write_reports(report, reports)
    ctx.exit(1 if found else 0)
