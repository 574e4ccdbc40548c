"""`meterbox exec`: a command with vendors of its own, and a word on what it did not notice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from sandbox.cli.child import INTERRUPTED, NotRun, in_order, run
from sandbox.cli.luggage import Kept, bring, keep, luggage
from sandbox.cli.proxying import proxied, proxying
from sandbox.cli.reporting import Wanted, fail_under_option, report_option, write_reports
from sandbox.cli.surroundings import Surroundings, surroundings

if TYPE_CHECKING:
    from sandbox.app import Sandbox
    from sandbox.cli.unnoticed import Watch
    from sandbox.config import Config
    from sandbox.coverage import Least
    from sandbox.reports.model import Report
    from sandbox.server import Running
    from translators.forwarding.worker import Forwarder

__all__ = ["command"]

DRAIN = 30.0
"""Seconds that deliveries have once the command has ended."""

CODES = (
    "Exit codes: the command's own when it is not 0, and 128+N when signal N killed it; 1 when it "
    "is 0 and requests were refused or broke a rule; 126 and 127 when the command cannot be run; "
    "130 when interrupted; 2 wrong use."
)


@click.command(epilog=CODES, context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option(
    "--allow", "allowed_rules", multiple=True, metavar="RULE", help="This rule may be broken."
)
@click.option(
    "--violations",
    type=click.Choice(["fail", "ignore"]),
    default="fail",
    show_default=True,
    help="What comes of a refusal or a violation when the command itself ends well.",
)
@click.option(
    "--forward/--no-forward",
    default=False,
    show_default=True,
    help="Deliver what a source takes to the vendors of the same run.",
)
@proxying
@report_option
@fail_under_option
@luggage
@click.option("--config", type=click.Path(path_type=Path), help="A meterbox.toml.")
@click.pass_context
def command(
    context: click.Context,
    command: tuple[str, ...],
    allowed_rules: tuple[str, ...],
    violations: str,
    forward: bool,
    proxy: int | None,
    allowed: tuple[str, ...],
    live_keys: bool,
    reports: tuple[Wanted, ...],
    least: Least,
    brought: tuple[BinaryIO, ...],
    kept: tuple[Kept, ...],
    config: Path | None,
) -> None:
    """Run a command with vendors of its own, and say what it did not notice.

    `meterbox exec -- pytest`, for example. They listen on a free port, and the environment says
    where, with a fresh test key for each; what is told is told on the error channel.
    """
    from sandbox.cli.unnoticed import Watch, checked, report
    from sandbox.config import load
    from sandbox.testing.house import name_of_a_run

    watch, name = Watch(checked(allowed_rules)), name_of_a_run()
    sandbox = _sandbox(load(config, os.environ), forward, watch)
    bring(sandbox, name, brought)
    with in_order(), proxied(sandbox, proxy, allowed, live_keys, None) as standing:
        try:
            code = _run(sandbox, surroundings(name, standing.variables), command)
        except NotRun as fault:
            click.echo(f"meterbox: {fault}", err=True)
            context.exit(fault.code)
    code = code if keep(sandbox, name, kept) else code or 1
    told = report(f"meterbox exec -- {command[0]}", watch, standing.refusals)
    short = _covered(sandbox, told, reports, least)  # written however the command ended
    code = code or short
    if violations == "fail":
        _tell(told)
        code = code or int(bool(told.totals["failed"]))
    context.exit(code)


def _covered(sandbox: Sandbox, told: Report, reports: Sequence[Wanted], least: Least) -> int:
    """Write the reports, with what was exercised; 1 where that is too little."""
    from dataclasses import replace

    from sandbox.coverage import exercised

    seen = exercised(sandbox.accounts) if reports or least else []
    write_reports(replace(told, coverage=seen), reports, err=True)
    short = least.short(seen)
    for sentence in short:
        click.echo(f"meterbox: {sentence}", err=True)
    return int(bool(short))


def _sandbox(config: Config, forward: bool, watch: Watch) -> Sandbox:
    """As it is configured, but for where it listens and what it keeps: nothing of a run leaves this
    machine, or is there after it."""
    from sandbox.app import Options, create_app
    from sandbox.deliveries import Destination
    from sandbox.testing.house import SCALE

    inside = {vendor: Destination(to.settings) for vendor, to in config.destinations.items()}
    return create_app(
        Options(
            seed=config.server.seed,
            settings=config.settings,
            destinations=inside if forward else {},
            profile=config.server.profile,
            scale=SCALE,
            watch=watch.note,
        )
    )


def _run(sandbox: Sandbox, around: Surroundings, command: Sequence[str]) -> int:
    """Run the command with the sandbox around it; answers its exit code. Raises NotRun."""
    from sandbox.server import Running

    with Running(sandbox) as running:
        code = run(command, around(running.url, os.environ))
        if sandbox.forwarding is not None and code != INTERRUPTED:
            _drain(sandbox.forwarding.forwarder, running)
    return code


def _drain(forwarder: Forwarder, running: Running) -> None:
    """See everything delivered, as far as that comes to an end."""
    try:
        running.wait(forwarder.drain(), DRAIN)
    except TimeoutError:
        told = f"meterbox: deliveries still wait {DRAIN:g} s after the command, and are not judged."
        click.echo(told, err=True)


def _tell(told: Report) -> None:
    """In full when there is something to tell, and otherwise in a line."""
    from sandbox.reports.formats import render

    text = render(told, "human")
    head = "" if text.count("\n") == 1 else "what the command did not notice\n\n"
    click.echo(f"meterbox: {head}{text}", nl=False, err=True)
