"""`meterbox tail`: exchanges as they happen, one line each."""

from __future__ import annotations

from typing import Any

import click

from contracts.model import MeterboxError
from sandbox.cli.output import Span, write, write_json

__all__ = ["command"]

TONES = {
    "accepted": "green",
    "not billed": "yellow",
    "refused": "red",
    "fault": "magenta",
    "answered": "dim",
}
WAIT = 30.0


class Unreachable(MeterboxError):
    """No sandbox answers there."""


@click.command()
@click.option("--url", default="http://127.0.0.1:4020", show_default=True, help="Where it runs.")
@click.option("--token", envvar="METERBOX_TOKEN", help="The token of its control API.")
@click.option("--vendor", help="Only this vendor's.")
@click.option("--verdict", type=click.Choice(list(TONES)), help="Only those of this verdict.")
@click.option("--last", default=10, show_default=True, help="Begin with so many of the past.")
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
    import httpx

    headers = {"authorization": f"Bearer {token}"} if token else {}
    query = {k: v for k, v in (("vendor", vendor), ("verdict", verdict)) if v is not None}
    with httpx.Client(base_url=url, headers=headers, timeout=WAIT + 10) as client:
        told = _asked(client, query)
        for exchange in told["exchanges"][-last:] if last > 0 else []:
            _show(exchange, as_json)
        while not once:
            told = _asked(client, {**query, "after": str(told["next"]), "wait": str(WAIT)})
            for exchange in told["exchanges"]:
                _show(exchange, as_json)


def _asked(client: Any, query: dict[str, str]) -> dict[str, Any]:
    import httpx

    try:
        response = client.get("/_meterbox/exchanges", params=query)
    except httpx.HTTPError as fault:
        why = f"No sandbox answers at {client.base_url}: {fault}. Start one with: meterbox up"
        raise Unreachable(why) from fault
    if response.status_code != 200:
        raise Unreachable(f"{client.base_url} answers {response.status_code}: {response.text}")
    told: dict[str, Any] = response.json()
    return told


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
