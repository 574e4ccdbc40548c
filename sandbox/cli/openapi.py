"""`meterbox openapi`: a vendor's contract for other tools."""

from __future__ import annotations

import json

import click

from sandbox.cli.output import EXIT_CODES

__all__ = ["command"]


@click.command(epilog=EXIT_CODES)
@click.argument("vendor")
@click.option(
    "--base-url", metavar="URL", help="Where the paths begin; by default the sandbox's own address."
)
def command(vendor: str, base_url: str | None) -> None:
    """Print a vendor's contract as an OpenAPI 3.1 document."""
    from contracts.openapi import openapi
    from contracts.reader import read

    document = openapi(read(vendor), base_url or f"http://127.0.0.1:4020/{vendor}")
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
