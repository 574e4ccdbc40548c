"""`meterbox tail`: exchanges as they happen, one line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from sandbox.cli.output import Span, write, write_json
from sandbox.cli.reach import WAIT, Unreachable, asked, client, options

if TYPE_CHECKING:
    import httpx

__all__ = ["command", "followed"]

TONES = {
    "accepted": "green",
    "not billed": "yellow",
    "refused": "red",
    "fault": "magenta",
    "answered": "dim",
}
MOST, DROPPED = 1_000, 410


@click.command()
@options
@click.option("--vendor", help="Only this vendor's.")
@click.option("--verdict", type=click.Choice(list(TONES)), help="Only those of this verdict.")
@click.option(
    "--last",
    type=click.IntRange(0, MOST),
    default=10,
    show_default=True,
    help="Begin with so many of the past.",
)
@click.option("--once", is_flag=True, help="Show the past and leave.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(
    url: str,
    token: str | None,
    vendor: str | None,
    verdict: str | None,
    last: int,
    once: bool,
    as_json: bool,
) -> None:
    """Show exchanges as they happen: vendor, request, answer, verdict, what became of events."""
    query = {k: v for k, v in (("vendor", vendor), ("verdict", verdict)) if v is not None}
    with client(url, token) as reached:
        for told in followed(reached, query, last):
            for exchange in told:
                _show(exchange, as_json)
            if once:
                break


def followed(
    client: httpx.Client, query: dict[str, str], last: int, wait: float = WAIT
) -> Iterator[list[dict[str, Any]]]:
    """The `last` exchanges that fit, then each later one, as they come; a gap is told."""
    told = _asked(client, {**query, "last": str(last)})
    while True:
        yield told["exchanges"]
        # With more at hand than one answer holds, `next` is the last of these.
        after = told["next"]
        try:
            told = _asked(client, {**query, "after": str(after), "wait": str(wait)})
        except Unreachable as fault:
            if fault.status != DROPPED:
                raise
            told = _asked(client, {**query, "after": "0"})
        if told["dropped"] > after:
            lost = told["dropped"] - after
            click.echo(f"meterbox: {lost} exchanges were gone before they were shown.", err=True)


def _asked(client: httpx.Client, query: dict[str, str]) -> dict[str, Any]:
    return asked(client, "GET", "/exchanges", "exchanges", query=query)


def _show(exchange: dict[str, Any], as_json: bool) -> None:
    if as_json:
        write_json(exchange)
        return
    outcomes = ", ".join(f"{count} {name}" for name, count in exchange["outcomes"].items())
    spans: list[Span] = [
        (exchange["time"][11:23], "dim"),
        f"  {exchange['vendor']:<10} {exchange['method']:<6} {exchange['path']:<32} ",
        (f"{exchange['status'] or '---'} {exchange['verdict']:<10}", TONES[exchange["verdict"]]),
        f"  {outcomes}",
        (f"  {' '.join(exchange['rules'])}", "dim"),
        (f"  {exchange['fault']}" if exchange["fault"] else "", "magenta"),
        (f"  {exchange['id']}", "dim"),
    ]
    write(*spans)
