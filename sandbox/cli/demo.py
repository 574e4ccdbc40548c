"""`meterbox demo`: the first minute. Events in, four vendors answering, one ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from sandbox.cli.output import new_table, on_terminal, show_wide, write, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from sandbox.app import Sandbox
    from sandbox.cli.playing import Row

__all__ = ["command"]

NAME = "demo"
TONES = {"good": "green", "bad": "red", "none": "dim"}
WIDTH = 132


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Rows and totals as one JSON object.")
def command(as_json: bool) -> None:
    """Play Segment events through every vendor and show what was billed, and what was not.

    Everything runs in this process on a free port of 127.0.0.1; nothing leaves the machine.
    """
    rows, sandbox = asyncio.run(_played())
    totals = _totals(sandbox)
    if as_json:
        write_json({"rows": [_plain(row) for row in rows], "totals": totals})
        return
    show_wide(_events_table(rows), WIDTH)
    show_wide(_totals_table(totals), WIDTH)
    billed = sum(row.tone == "good" for row in rows)
    lost = sum(row.tone == "bad" for row in rows)
    write(
        f"{billed} deliveries billed, ",
        (f"{lost} answered and not billed", "bold"),
        ". What a rule says, and how we know: meterbox rules",
    )
    write("Start it for yourself with: meterbox up")


async def _played() -> tuple[list[Row], Sandbox]:
    import httpx

    from sandbox.app import Options, create_app
    from sandbox.cli.playing import pieces, play, set_stage
    from sandbox.deliveries import Destination
    from sandbox.wiring import local
    from translators.forwarding.trust import trust
    from translators.mapping import translated_vendors

    destinations = {vendor: Destination(local(vendor)) for vendor in translated_vendors()}
    sandbox = create_app(Options(destinations=destinations, scale=0.01))
    source = next(n for n, r in sandbox.accounts.rooms.items() if r.contract.role == "source")
    async with (
        _served(sandbox) as url,
        httpx.AsyncClient(base_url=url, verify=trust(url)) as client,
    ):
        write(f"Serving {', '.join(sandbox.accounts.rooms)} at {url}\n") if on_terminal() else None
        await set_stage(sandbox, client, NAME)
        rows = [
            row
            for piece in pieces(datetime.now(UTC))
            for row in await play(piece, sandbox, client, source, NAME)
        ]
    return rows, sandbox


@asynccontextmanager
async def _served(sandbox: Sandbox) -> AsyncIterator[str]:
    """The sandbox on a free port, for as long as it is needed."""
    from sandbox.server import Server, listen

    listening = listen("127.0.0.1", 0)
    server = Server(sandbox)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def _totals(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [
        {
            "vendor": account.room.contract.title,
            "customer": total.customer,
            "meter": total.meter,
            "quantity": total.quantity,
            "events": total.events,
        }
        for account in sorted(sandbox.accounts, key=lambda account: account.vendor)
        if account.room.contract.role == "billing"
        for total in account.ledger.totals()
    ]


def _plain(row: Row) -> dict[str, Any]:
    return {
        "event": row.title,
        "vendor": row.vendor,
        "request": row.request,
        "answer": row.answer,
        "result": row.result,
        "rules": row.rules,
    }


def _events_table(rows: list[Row]) -> Table:
    from rich.text import Text

    table = new_table("Events, and what became of them", "event", "vendor", "request", "answer")
    table.add_column("billed, or the rule that said no")
    for title, group in groupby(rows, key=lambda row: row.title):
        table.add_section()
        for index, row in enumerate(group):
            result = Text(row.result, style=TONES[row.tone])
            if row.rules and row.tone != "good":
                result.append(f"  {' '.join(row.rules)}", style="dim")
            name = Text(title if index == 0 else "", style="bold")
            table.add_row(name, row.vendor, row.request, row.answer, result)
    return table


def _totals_table(totals: list[dict[str, Any]]) -> Table:
    table = new_table("What the ledger would bill", "vendor", "customer", "meter")
    table.add_column("quantity", justify="right")
    table.add_column("events", justify="right")
    for vendor, group in groupby(totals, key=lambda total: total["vendor"]):
        table.add_section()
        for index, total in enumerate(group):
            cells = [vendor if index == 0 else "", total["customer"], total["meter"]]
            table.add_row(*map(str, cells), str(total["quantity"]), str(total["events"]))
    return table
