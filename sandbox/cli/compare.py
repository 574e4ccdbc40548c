"""`meterbox compare`: what each vendor would bill of the same events, and why they differ."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain

import click

from sandbox.cli.destination import (
    moment,
    refuse_strangers,
    vendor_settings,
    vendor_settings_option,
)
from sandbox.cli.output import EXIT_CODES
from sandbox.cli.payloads import Payload, Unread, blocks
from translators.event import BadEvent, Event, parse
from translators.mapping import translated_vendors, translator

__all__ = ["command"]


@click.command(epilog=EXIT_CODES)
@click.argument("file", metavar="EVENTS|-")
@vendor_settings_option
@click.option(
    "--at", metavar="TIME|now", help="When all events come; else each when it says that it did."
)
@click.option("--bare", is_flag=True, help="Set nothing up: no customers, users or features.")
@click.option("--json", "as_json", is_flag=True, help="All of it as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context, file: str, pairs: tuple[str, ...], at: str | None, bare: bool, as_json: bool
) -> None:
    """Show what each vendor would bill of the same Segment events, and why they differ.

    Every event goes through each vendor's translator to a sandbox of that vendor in this process,
    once, in the order of the file, at its receivedAt, sentAt or timestamp. The customers and events
    that are in the file are set up before, as a team does.
    """
    from sandbox.cli.comparison import compared
    from sandbox.cli.sidebyside import document, tables

    refuse_strangers(pairs)
    when = None if at is None else moment(at)
    payloads = list(_payloads(file))
    read = [(payload, event) for payload in payloads if (event := _event(payload)) is not None]
    vendors = translated_vendors()
    translators = {v: translator(v, vendor_settings(v, pairs)) for v in vendors}
    found = [event for _, event in read]
    comparison = asyncio.run(compared(found, translators, when, bare=bare))
    if as_json:
        click.echo(document(read, comparison))
    else:
        tables(read, comparison)
    ctx.exit(0 if len(read) == len(payloads) else 1)


def _payloads(file: str) -> Iterator[Payload]:
    for payload in chain.from_iterable(block.payloads() for block in blocks(file)):
        yield from payload.elements() if isinstance(payload.value, list) else [payload]


def _event(payload: Payload) -> Event | None:
    """The event, or None where it is none, which is told."""
    try:
        if isinstance(payload.value, Unread):
            raise BadEvent("$", payload.value.why)
        return parse(payload.value)
    except BadEvent as fault:
        click.echo(f"{payload.place}: {payload.at}{fault.path[1:]}: {fault.why}", err=True)
        return None
