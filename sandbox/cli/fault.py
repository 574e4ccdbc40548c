"""`meterbox fault`: what goes wrong on one account of a running sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from sandbox.cli.output import write, write_json
from sandbox.cli.reach import asked, client, options

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

__all__ = ["command"]


@click.group()
def command() -> None:
    """Let things go wrong on one account of a running sandbox."""


@command.command()
@click.argument("vendor")
@click.argument("key")
@click.option("--preset", "presets", multiple=True, help="A scenario by name: flaky, outage, ...")
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A scenario from a TOML file.",
)
@click.option("--kind", help="One fault of this kind, with the options below.")
@click.option("--endpoint", help="Only requests to this endpoint of the contract.")
@click.option("--times", help="For so many requests, or always.  [default: 1]")
@click.option("--skip", type=int, help="After letting so many pass.")
@click.option("--every", type=int, help="Only every n-th of the rest.")
@click.option("--probability", type=float, help="And of those, by lot, about this part.")
@click.option("--seed", type=int, help="What lots are drawn from.  [default: 0]")
@click.option("--since", help="From this time of the account's clock.")
@click.option("--until", help="Before this time of the account's clock.")
@click.option("--ttl", help="For so long, by the account's clock: 90s, 5m, 4h.")
@click.option("--seconds", type=float, help="How long a delay, a late reply or a drip is.")
@click.option("--status", type=int, help="The status of an answer.  [default: 503]")
@click.option("--retry-after", type=int, help="Seconds, for a status that has the header.")
@options
def add(
    vendor: str,
    key: str,
    presets: Sequence[str],
    files: Sequence[Path],
    url: str,
    token: str | None,
    **one: Any,
) -> None:
    """Let things go wrong: by --preset, by --file or one fault by --kind. All of it or nothing.

    VENDOR and KEY name the account: the key that its client shows.
    """
    given = {name: value for name, value in one.items() if value is not None}
    faults = _faults(vendor, presets, files, given)
    with client(url, token) as reached:
        told = asked(reached, "POST", _path(vendor, key), "faults", body={"faults": faults})
        _show(told["faults"])


@command.command("list")
@click.argument("vendor")
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@options
def list_(vendor: str, key: str, as_json: bool, url: str, token: str | None) -> None:
    """Show what is set and has not struck as often as it will."""
    with client(url, token) as reached:
        _show(_listed(reached, vendor, key), as_json)


@command.command()
@click.argument("vendor")
@click.argument("key")
@options
def clear(vendor: str, key: str, url: str, token: str | None) -> None:
    """Let nothing go wrong any more."""
    with client(url, token) as reached:
        asked(reached, "DELETE", _path(vendor, key), "faults")


@command.command()
def presets() -> None:
    """List the scenarios that have a name."""
    from sandbox import scenario

    for name, what in scenario.presets().items():
        write((f"{name:<14}", "bold"), what)


def _faults(
    vendor: str, presets: Sequence[str], files: Sequence[Path], one: dict[str, Any]
) -> list[dict[str, Any]]:
    """What to set, every part of it checked before any is."""
    from dataclasses import asdict

    from sandbox import scenario
    from sandbox.faults import Fault

    seed = one.get("seed")
    found = [f for name in presets for f in scenario.preset(name, seed or 0).of(vendor)]
    found += [f for file in files for f in scenario.load(file, seed).of(vendor)]
    if "kind" in one:
        if one.get("times") == "always":
            one["times"] = None
        elif str(one.get("times", "")).isdigit():
            one["times"] = int(one["times"])
        found.append(Fault.read(one))
    elif not (presets or files):
        raise click.UsageError("Say what goes wrong: --preset, --file or --kind.")
    elif one.keys() - {"seed"}:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(one.keys() - {"seed"}))
        raise click.UsageError(f"{named} goes with --kind.")
    return [asdict(fault) for fault in found]


def _path(vendor: str, key: str) -> str:
    return f"/accounts/{quote(vendor, safe='')}/{quote(key, safe='')}/faults"


def _listed(reached: httpx.Client, vendor: str, key: str) -> list[dict[str, Any]]:
    faults: list[dict[str, Any]] = asked(reached, "GET", _path(vendor, key), "faults")["faults"]
    return faults


def _show(faults: Sequence[dict[str, Any]], as_json: bool = False) -> None:
    from sandbox.faults import KINDS, Fault

    plain = Fault("delay")
    for fault in faults:
        if as_json:
            write_json(fault)
            continue
        told = [
            f"{name} {value}"
            for name, value in fault.items()
            if name not in ("kind", "times", "seed") and value != getattr(plain, name)
        ]
        times = "always" if fault["times"] is None else f"{fault['times']} times"
        write(
            (f"{fault['kind']:<18}", "magenta"),
            f"{times:<10}",
            ", ".join(told),
            (f"  {KINDS[fault['kind']]}", "dim"),
        )
