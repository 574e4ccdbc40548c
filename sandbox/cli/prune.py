"""`meterbox prune`: what was delivered long ago leaves the outbox."""

from __future__ import annotations

import click

from sandbox.cli.keeping import ago, counted, opened, outbox
from sandbox.cli.output import write, write_json

__all__ = ["command"]


@click.command()
@outbox
@click.option(
    "--older-than", "length", required=True, metavar="LENGTH", help="How long ago: 30d, 12h."
)
@click.option("--json", "as_json", is_flag=True, help="Tell how many as a JSON object.")
def command(url: str, length: str, as_json: bool) -> None:
    """Let go of what was delivered long ago.

    It can then not be delivered again by `meterbox replay`. What was not meant for its vendor goes
    too, and dead letters stay.
    """
    from sandbox.clock import wall

    before = wall() - ago("--older-than", length)
    with opened(url) as letters:
        count = letters.prune(before)
    if as_json:
        write_json({"pruned": count})
    else:
        write(f"{counted(count)} let go.")
