"""`meterbox tail`: exchanges as they happen, one line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from contracts.model import MeterboxError
from sandbox.cli.output import Span, write, write_json

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
WAIT = 30.0
MOST, DROPPED = 1_000, 410


class Unreachable(MeterboxError):
    """No sandbox answers there, or not with exchanges."""


class TooLate(Unreachable):
    """The sandbox has dropped what comes next."""


@click.command()
@click.option("--url", default="http://127.0.0.1:4020", show_default=True, help="Where it runs.")
@click.option("--token", envvar="METERBOX_TOKEN", help="The token of its control API.")
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
    with _client(url, token) as client:
        for told in followed(client, query, last):
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
        except TooLate:
            told = _asked(client, {**query, "after": "0"})
        if told["dropped"] > after:
            lost = told["dropped"] - after
            click.echo(f"meterbox: {lost} exchanges were gone before they were shown.", err=True)


def _client(url: str, token: str | None) -> httpx.Client:
    import httpx

    try:
        at = httpx.URL(url)
    except httpx.InvalidURL:
        at = httpx.URL()
    if at.scheme not in ("http", "https") or not at.host:
        raise Unreachable(f"{url!r} is not an address such as http://127.0.0.1:4020.")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=url, headers=headers, timeout=WAIT + 10)


def _asked(client: httpx.Client, query: dict[str, str]) -> dict[str, Any]:
    import httpx

    at = str(client.base_url).rstrip("/")
    try:
        response = client.get("/_meterbox/exchanges", params=query)
    except httpx.HTTPError as fault:
        why = " ".join(str(fault).split()).rstrip(".") or type(fault).__name__
        raise Unreachable(
            f"No sandbox answers at {at}: {why}. Start one with: meterbox up"
        ) from fault
    told = _json_object(response)
    if response.status_code == 200 and isinstance(told.get("exchanges"), list):
        return told
    if isinstance(told.get("error"), str):
        kind = TooLate if response.status_code == DROPPED else Unreachable
        raise kind(f"{at} answers {response.status_code}: {told['error']}")
    media = response.headers.get("content-type", "nothing").partition(";")[0]
    raise Unreachable(f"{at} is no meterbox: it answers {response.status_code}, {media}.")


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        told = response.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


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
