"""`meterbox watch`: a relay before a vendor's API that holds what passes to the contract."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sandbox.cli.output import Span, write
from sandbox.cli.reporting import Wanted, report_option, write_reports

if TYPE_CHECKING:
    from socket import socket

    from contracts.model import Contract
    from sandbox.verifying.calling import Routes
    from sandbox.watching.watchbook import Record, Sight, Watchbook

__all__ = ["command"]

EXITS = "Exit codes: 0 all was well; 1 something departed from the contract; 2 wrong use."


@click.command(epilog=EXITS)
@click.argument("vendor")
@click.option(
    "--upstream",
    "urls",
    multiple=True,
    required=True,
    metavar="[/PATH=]URL",
    help="Where requests go on to; again with a path for what goes elsewhere.",
)
@click.option("--live", is_flag=True, help="It is the vendor, and that is meant.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4030,
    show_default=True,
    help="0 finds a free one.",
)
@click.option(
    "--record",
    "--transcript",
    "record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write down what passes, without keys.",
)
@report_option
@click.pass_context
def command(
    ctx: click.Context,
    vendor: str,
    urls: tuple[str, ...],
    live: bool,
    host: str,
    port: int,
    record: Path | None,
    reports: tuple[Wanted, ...],
) -> None:
    """Pass requests on to a vendor's API untouched, and tell what departs from its contract.

    Point the client here in the vendor's place. Requests and answers are held to the contract as
    they pass, and what departs is told with rule, source and fix. Nothing is changed, kept back or
    tried again; where no answer comes, a 502 of ours says so.
    """
    from contracts.reader import read
    from sandbox.server import listen
    from sandbox.switchboard import load
    from sandbox.verifying.calling import Routes, addresses, shown
    from sandbox.verifying.guarding import allow
    from sandbox.watching.inspection import Inspector
    from sandbox.watching.watchbook import Record, Watchbook

    contract = read(vendor)
    at = addresses(contract, urls, "--upstream")
    live = allow(at.values(), live=live) or live
    listening = listen(host, port)
    where = f"http://{_spelled(host)}:{listening.getsockname()[1]}"
    opened: Record | nullcontext[None] = nullcontext() if record is None else Record(record)
    with opened as recording:
        inspector = Inspector(load([vendor])[vendor], live=live)
        book = Watchbook(contract, inspector, _show, recording)
        _hello(contract, where, shown(at[""]))
        _serve(Routes(contract, at), book, listening)
    _tell(book, shown(at[""]), reports)
    ctx.exit(1 if book.failed else 0)


def _serve(routes: Routes, book: Watchbook, listening: socket) -> None:
    """Until somebody interrupts."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from sandbox.server import Server
    from sandbox.watching.relay import Relay

    relay = Relay(routes, book.see)
    app = Starlette(lifespan=relay.lifespan, routes=[Mount("/", app=relay)])
    try:
        Server(app, alone=True, dated=False).run(sockets=[listening])
    except KeyboardInterrupt:
        return


def _hello(contract: Contract, where: str, upstream: str) -> None:
    base = contract.base
    write(("meterbox watch", "bold"), f" at {where}{base}, on to {upstream}{base}")
    for name, text in contract.environment.items():
        if "{url}" in text:
            click.echo(f"  export {name}={text.format(url=where, key='...')}")
    write("Ctrl-C stops it.")


def _show(sight: Sight) -> None:
    """A line for an exchange, and below it what was found."""
    from sandbox.reports.human import lines

    passed = sight.passed
    verdict: Span = ("as the contract says", "green")
    if sight.bad:
        count = len(sight.inspected.findings)
        verdict = (f"{count} finding{'s' if count > 1 else ''}", "bold red")
    elif sight.inspected.unchecked:
        verdict = ("not checked", "yellow")
    write(
        (passed.at.strftime("%H:%M:%S"), "dim"),
        f"  {passed.method:<6} {sight.path:<32} {passed.status or '---'} ",
        (f"{passed.milliseconds:>6.0f} ms  ", "dim"),
        verdict,
    )
    for why in sight.inspected.unchecked:
        write((f"    not checked: {why}", "yellow"))
    for found in sight.inspected.findings:
        for line in lines(found):
            click.echo(line)


def _tell(book: Watchbook, upstream: str, reports: Sequence[Wanted]) -> None:
    report = book.report(upstream)
    if all(want.file is not None for want in reports):
        write(
            f"{report.subject} {book.passed} as the contract says, {book.failed} not, "
            f"{book.unchecked} not checked."
        )
    write_reports(report, reports)


def _spelled(host: str) -> str:
    return f"[{host}]" if ":" in host else host
