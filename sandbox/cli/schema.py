"""`meterbox schema`: a vendor's GraphQL schema for other tools."""

from __future__ import annotations

import click

from contracts.model import Contract, Endpoint, MeterboxError, did_you_mean
from sandbox.cli.output import EXIT_CODES

__all__ = ["command"]


class NoSchema(MeterboxError):
    """The vendor has no GraphQL, or none at an endpoint of that name."""

    def __init__(self, contract: Contract, name: str | None, known: list[str]) -> None:
        near = did_you_mean(name or "", known)
        hint = f" Did you mean {near!r}?" if near else ""
        told = f"Those that do: {', '.join(known)}." if known else "None of its endpoints does."
        what = f"endpoint {name!r} that" if name else "endpoint that"
        super().__init__(f"{contract.title} has no {what} executes GraphQL.{hint} {told}")


@click.command(epilog=EXIT_CODES)
@click.argument("vendor")
@click.argument("endpoint", required=False)
def command(vendor: str, endpoint: str | None) -> None:
    """Print the GraphQL schema of a vendor's endpoint.

    Without its name, that of the first endpoint that has one.
    """
    from contracts.reader import read

    contract = read(vendor)
    known = {one.name: one for one in contract.endpoints if one.sdl is not None}
    found: Endpoint | None = known.get(endpoint) if endpoint else next(iter(known.values()), None)
    if found is None:
        raise NoSchema(contract, endpoint, list(known))
    click.echo(found.sdl, nl=False)
