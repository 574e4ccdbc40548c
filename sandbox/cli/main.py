"""`meterbox`: finds the command asked for, imports that one alone, and turns errors into a line."""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from sandbox.cli.output import EXIT_CODES

__all__ = ["COMMANDS", "commands", "main"]

COMMANDS = {
    "compare": "Show what each vendor would bill of the same Segment events, and why they differ.",
    "dead-letters": "Show what could not be delivered, and deliver it after all or let go of it.",
    "demo": "Play Segment events through every vendor and show what was billed, and what was not.",
    "drift": "Tell what changed at a vendor between two transcripts of `verify`.",
    "exec": "Run a command with vendors of its own, and say what it did not notice.",
    "fault": "Let things go wrong on one account of a running sandbox.",
    "forward": "Deliver Segment events to the vendors, each until the vendor has it or never will.",
    "function": "Run a Segment Destination Function here and show what was billed, and what lost.",
    "nginx": "Print an nginx configuration that spreads accounts over several processes.",
    "openapi": "Print a vendor's contract as an OpenAPI 3.1 document.",
    "prove": "Prove that the forwarder, or yours, neither loses nor doubles usage under faults.",
    "prune": "Let go of what was delivered long ago.",
    "ready": "Say from a recorded run whether it is time to go live at a vendor.",
    "replay": "Deliver again what was delivered in some time.",
    "replay-bundle": "Run again what a repro bundle of `prove` holds, and compare the verdicts.",
    "rules": "List the rules vendors are known to follow, and how we know.",
    "schema": "Print the GraphQL schema of a vendor's endpoint.",
    "snapshot": "Keep an account of a running sandbox in a file, and bring it back.",
    "tail": (
        "Show exchanges as they happen: vendor, request, answer, verdict, what became of events."
    ),
    "translate": "Show the vendor requests that Segment events become.",
    "up": "Run the vendors on this machine, until Ctrl-C.",
    "validate": "Check payloads against a vendor's contract.",
    "verify": "Play a vendor's contract cases against a sandbox, a mock of yours, or the vendor.",
    "watch": (
        "Pass requests on to a vendor's API untouched, and tell what departs from its contract."
    ),
}
INTERRUPTED, PIPE_CLOSED = 130, 141


class Wrong(click.ClickException):
    """What the user can mend, in one line."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"meterbox: {self.format_message()}", file=file, err=True)


class Commands(click.Group):
    """Commands of this folder; each module has a click command named `command`."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"sandbox.cli.{name.replace('-', '')}").command
        command.name = name
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table above, so that help imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Commands: {', '.join(COMMANDS)}."
            raise Wrong(f"No command {name!r}. {hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What is still buffered must not fail again when the interpreter flushes it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(PIPE_CLOSED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as fault:
            from contracts.model import MeterboxError

            if isinstance(fault, MeterboxError):
                raise Wrong(str(fault)) from fault
            raise


@click.group(
    cls=Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(None, "--version", package_name="meterbox", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """Usage-billing vendors on your machine: what was accepted, and what was billed."""
    if context.invoked_subcommand != "up":  # which reads the configuration that it is given
        _add_vendors()


def _add_vendors() -> None:
    """Know the vendors that are configured here, besides those there are."""
    if "METERBOX_SERVER__VENDORS" in os.environ or Path("meterbox.toml").exists():
        from sandbox.config import load

        load(None, os.environ)


def main() -> None:
    """The program. Leaves with the exit code that --help promises."""
    try:
        code = commands.main(prog_name="meterbox", standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        code = fault.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    sys.exit(code)
