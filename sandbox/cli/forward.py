"""`meterbox forward`: takes events in, and sees to it that every destination has them, once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from contracts.model import BadValue, MeterboxError

if TYPE_CHECKING:
    from sandbox.app import Sandbox
    from sandbox.config import Config
    from sandbox.deliveries import Destination
    from translators.forwarding.outbox import Outbox
    from translators.forwarding.terms import Mode

__all__ = ["command"]

NAME = "demo"


class Nowhere(MeterboxError):
    """There is no destination."""

    def __init__(self) -> None:
        super().__init__(
            "Nowhere to deliver to. Give --sandbox http://127.0.0.1:4020, --to VENDOR=URL, "
            "or base_url and api_key_file of a destination in meterbox.toml."
        )


@click.command()
@click.argument("files", nargs=-1, metavar="[FILES]")
@click.option("--listen", metavar="[HOST:]PORT", help="Take events as Segment does, at this port.")
@click.option(
    "--outbox",
    "url",
    default="meterbox-outbox.sqlite3",
    metavar="URL",
    show_default=True,
    help="Where events are kept until they are delivered.",
)
@click.option("--sandbox", "at", metavar="URL", help="Deliver to a sandbox: every vendor of it.")
@click.option(
    "--to", "targets", multiple=True, metavar="VENDOR=URL", help="Deliver to a vendor at this URL."
)
@click.option("--name", metavar="NAME", help="What `-` is, to go on with it after a stop.")
@click.option("--ordered", is_flag=True, help="Keep each customer's events in order.")
@click.option("--one-by-one", is_flag=True, help="Send no batches.")
@click.option(
    "--late",
    type=click.Choice(["dead", "send", "backfill"]),
    default="dead",
    show_default=True,
    help="What to do with events that a vendor refuses for their age.",
)
@click.option("--config", type=click.Path(path_type=Path), help="A meterbox.toml.")
@click.option("--json", "as_json", is_flag=True, help="Tell what came of it as one JSON object.")
def command(
    files: tuple[str, ...],
    listen: str | None,
    url: str,
    at: str | None,
    targets: tuple[str, ...],
    name: str | None,
    ordered: bool,
    one_by_one: bool,
    late: Mode,
    config: Path | None,
    as_json: bool,
) -> None:
    """Deliver Segment events to the vendors, each until the vendor has it or never will.

    FILES hold JSON lines; `-` is the standard input. What was read is kept in the outbox, and a run
    that was stopped goes on where it was. Keys come from meterbox.toml or the environment.
    """
    from sandbox.cli.run import Job, run
    from sandbox.cli.sources import Source
    from translators.forwarding.engines import open_outbox
    from translators.forwarding.terms import Terms

    if not files and listen is None:
        raise click.UsageError("Nothing to forward. Give FILES, `-` or --listen PORT.")
    settings, destinations = _configured(config, at, targets)
    job = Job([Source.named(file, name) for file in files], _address(listen), as_json)
    concurrency, rules = settings.forwarding.concurrency, settings.settings
    terms = Terms(concurrency, ordered=ordered, breaker=5, late=late, settings=rules)
    outbox = open_outbox(url)
    sandbox = _sandbox(settings, destinations, outbox, terms, batching=not one_by_one)
    raise SystemExit(asyncio.run(run(sandbox, outbox, job)))


def _configured(
    file: Path | None, at: str | None, targets: Sequence[str]
) -> tuple[Config, dict[str, Destination]]:
    """The configuration, and where each vendor is. Raises MeterboxError."""
    from contracts.reader import read
    from sandbox.config import load
    from sandbox.courier import loopback

    given = dict(_pair(target) for target in targets)
    here = {v: url for v, url in given.items() if loopback(urlsplit(url).hostname or "")}
    environ = dict(os.environ)
    for vendor in given.keys() - here.keys():
        environ[f"METERBOX_DESTINATIONS__{vendor.upper()}__BASE_URL"] = given[vendor]
    settings = load(file, environ)
    found = {}
    for vendor, to in settings.destinations.items():
        base = here.get(vendor) or to.base_url or (f"{at.rstrip('/')}/{vendor}" if at else None)
        if base is not None:
            found[vendor] = replace(to, base_url=base, key=to.key or read(vendor).key(NAME))
    for vendor in here.keys() - found.keys():
        raise BadValue("--to", vendor, f"one of {', '.join(settings.destinations)}")
    if not found:
        raise Nowhere
    return settings, found


def _pair(target: str) -> tuple[str, str]:
    vendor, equals, url = target.partition("=")
    if not equals or urlsplit(url).scheme not in ("http", "https"):
        raise BadValue("--to", target, "VENDOR=URL, such as orb=http://127.0.0.1:4020/orb")
    return vendor, url


def _address(listen: str | None) -> tuple[str, int] | None:
    if listen is None:
        return None
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise BadValue("--listen", listen, "a port, or HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _sandbox(
    config: Config,
    destinations: Mapping[str, Destination],
    outbox: Outbox,
    terms: Any,
    *,
    batching: bool,
) -> Sandbox:
    """The sources alone, and a forwarder behind them."""
    from contracts.reader import read, vendors
    from sandbox.app import Options, create_app

    return create_app(
        Options(
            vendors=[vendor for vendor in vendors() if read(vendor).role == "source"],
            seed=config.server.seed,
            settings=config.settings,
            destinations=destinations,
            token=config.server.token,
            terms=terms,
            batching=batching,
            outbox=outbox,
            scale=config.forwarding.backoff_scale,
        )
    )
