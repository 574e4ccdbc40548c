"""`meterbox ready`: from a recorded run, whether it is time to go live; yes or no, with reasons."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from contracts.model import MeterboxError
from contracts.reader import read, vendors
from sandbox.cli.output import EXIT_CODES, write
from sandbox.cli.reach import asked, client, options
from sandbox.cli.reporting import Unwritable, Wanted, report_option, write_reports
from sandbox.reports.model import Check, Report

__all__ = ["command"]

WORDS = {"passed": ("yes", "green"), "failed": ("NO", "bold red"), "skipped": ("-", "dim")}


class Unread(MeterboxError):
    """A file that holds no recorded run of the vendor."""


@click.command(epilog=EXIT_CODES)
@click.argument("vendor")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--key", "keys", multiple=True, help="An account of a running sandbox, by its key.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The policy: [ready.<vendor>] of this file.  [default: ./meterbox.toml]",
)
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one page of HTML with every question, its answer and the reasons.",
)
@report_option
@options
@click.pass_context
def command(
    ctx: click.Context,
    vendor: str,
    files: Sequence[Path],
    keys: Sequence[str],
    config_file: Path | None,
    certificate: Path | None,
    reports: Sequence[Wanted],
    url: str,
    token: str | None,
) -> None:
    """Say from a recorded run whether it is time to go live at a vendor.

    FILEs are snapshots of accounts (`meterbox snapshot take`, `meterbox exec --export`); with --key
    they are taken from a running sandbox. The requests are done again here, and questions asked.
    """
    from sandbox.config import load
    from sandbox.readiness.policy import Policy, known
    from sandbox.readiness.verdict import ASKED, judge

    contract = read(vendor)
    if certificate is not None and not certificate.parent.is_dir():
        raise Unwritable(certificate, "there is no such folder")
    tables = load(config_file, os.environ).ready
    known("ready", tables, set(vendors()))
    policy = Policy.read(tables.get(vendor, {}), contract, ASKED)
    documents = list(_read(vendor, files))
    documents += _taken(vendor, keys, url, token)
    if not documents:
        raise click.UsageError("Name a run: files with snapshots, or --key of a running sandbox.")
    report = judge(_run(vendor, documents), policy)
    if not any(want.file is None for want in reports):
        _show(report)
    page = (Wanted("html", certificate),) if certificate is not None else ()
    write_reports(report, (*reports, *page))
    ctx.exit(1 if report.totals["failed"] else 0)


def _read(vendor: str, files: Sequence[Path]) -> Iterator[tuple[str, Any]]:
    """The vendor's snapshots in these files, each with the file's name; a file holds one, a list of
    them, or `{"snapshots": [...]}`."""
    import orjson

    for file in files:
        try:
            found = orjson.loads(file.read_bytes())
        except (OSError, ValueError) as fault:
            raise Unread(f"{file} holds no recorded run: {fault}.") from fault
        if isinstance(found, dict):
            found = found.get("snapshots", [found])
        several = found if isinstance(found, list) else []
        mine = [one for one in several if isinstance(one, dict) and one.get("vendor") == vendor]
        if not mine:
            raise Unread(f"{file} holds no recorded run of {vendor}.")
        yield from ((str(file), one) for one in mine)


def _taken(vendor: str, keys: Sequence[str], url: str, token: str | None) -> list[tuple[str, Any]]:
    if not keys:
        return []
    with client(url, token) as reached:
        paths = [f"/accounts/{vendor}/{quote(key, safe='')}/snapshot" for key in keys]
        return [("--key", asked(reached, "GET", path, "history")) for path in paths]


def _run(vendor: str, documents: Sequence[tuple[str, Any]]) -> Any:
    """The run, done again in a sandbox of its own. Raises Unread."""
    from sandbox import snapshot
    from sandbox.app import Options, create_app
    from sandbox.readiness.run import Recorded, Run

    house, recorded = create_app(Options(vendors=[vendor])), []
    contract = house.accounts.rooms[vendor].contract
    for number, (name, document) in enumerate(documents):
        account = house.accounts.open(vendor, contract.key(f"recorded{number}"))
        try:
            done = snapshot.restore(snapshot.read(document), account, house.switchboard)
        except snapshot.BadSnapshot as fault:
            raise Unread(f"{name}: {fault}") from fault
        recorded.append(Recorded(account, done))
    return Run(contract, recorded)


def _show(report: Report) -> None:
    from sandbox.reports.human import lines

    for check in report.checks:
        _line(check)
        for finding in check.findings:
            if finding.level != "note":
                for line in lines(finding):
                    write(line)
    notes = [f.rule for check in report.checks for f in check.findings if f.level == "note"]
    if notes:
        write((f"Assumed, no public source: {', '.join(sorted(set(notes)))}", "dim"))
    write((report.subject, "bold red" if report.totals["failed"] else "bold green"))


def _line(check: Check) -> None:
    word, style = WORDS[check.verdict]
    seen = f"  ({check.detail})" if check.detail else ""
    write((f"{word:<4}", style), f"{check.group:<13}{check.name}", (seen, "dim"))
