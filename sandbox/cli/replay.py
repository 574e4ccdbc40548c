"""`meterbox replay`: what was delivered in some time is delivered again, with the same keys."""

from __future__ import annotations

import click

from sandbox.cli.keeping import counted, opened, outbox, time
from sandbox.cli.output import write, write_json

__all__ = ["command"]


@click.command()
@outbox
@click.option(
    "--from", "since", required=True, metavar="TIME", help="Events accepted from then on."
)
@click.option("--to", "until", required=True, metavar="TIME", help="And before then.")
@click.option(
    "--destination", "vendor", required=True, metavar="VENDOR", help="Which vendor again."
)
@click.option("--origin", help="Only what came from there.")
@click.option("--force", is_flag=True, help="Also what the vendor may not know again.")
@click.option("--json", "as_json", is_flag=True, help="Tell how many as a JSON object.")
def command(
    url: str,
    since: str,
    until: str,
    vendor: str,
    origin: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Deliver again what was delivered in some time.

    The keys are the same, so that what is billed is not billed again. That holds for as long as the
    vendor is sure to know an event again; further back is refused without --force. A TIME is
    2026-11-21T12:00:00Z, or 2h: two hours ago. A forwarder at work begins within a second or so.
    """
    from contracts.reader import read
    from sandbox.clock import wall
    from translators.forwarding.letters import Which, guarded

    now = wall()
    read(vendor)
    which = Which(vendor, origin, None, time("--from", since, now), time("--to", until, now))
    assert which.since is not None  # it was just read
    with opened(url) as letters:
        if not force:
            guarded(vendor, which.since, now=now)
        count = letters.replay(which)
    if as_json:
        write_json({"replayed": count})
    else:
        write(f"{counted(count)} to {vendor} will be made again.")
