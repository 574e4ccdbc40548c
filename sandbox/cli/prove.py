"""`meterbox prove`: whether usage is neither lost nor doubled, whatever goes wrong on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contracts.model import BadValue, MeterboxError
from sandbox.cli.destination import (
    moment,
    refuse_strangers,
    vendor_settings,
    vendor_settings_option,
)

if TYPE_CHECKING:
    from sandbox.faults import Fault
    from sandbox.proving.bundle import How

__all__ = ["command"]

EXITS = "Exit codes: 0 proven; 1 usage was lost, doubled or billed otherwise; 2 wrong use."


@click.command(epilog=EXITS)
@click.option("--events", "file", required=True, metavar="FILE|-", help="Segment events.")
@click.option(
    "--faults",
    "scenarios",
    multiple=True,
    metavar="SCENARIO",
    help="What goes wrong: flaky, lost-replies, ..., or a TOML file. Several are set together.",
)
@click.option(
    "--kills",
    type=click.IntRange(min=0),
    default=0,
    help="kill -9 a forwarder process at so many points.",
)
@click.option("--seed", type=int, default=0, help="What all lots are drawn from.  [default: 0]")
@click.option("--processes", is_flag=True, help="A forwarder process and a real port, kills or no.")
@click.option(
    "--target-command",
    "target",
    metavar="CMD",
    help="A forwarder of yours: METERBOX_EVENTS names the events, METERBOX_<VENDOR>_URL and _KEY "
    "where they go. The ledgers are read when it exits.",
)
@click.option("--only", multiple=True, metavar="VENDOR", help="This vendor and no other.")
@vendor_settings_option
@click.option(
    "--at", metavar="TIME|now", help="The vendors' time; else when the last event says it came."
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    default="meterbox-repro.json",
    show_default=True,
    help="Where the smallest case that goes wrong is written.",
)
@click.option("--json", "as_json", is_flag=True, help="All of it as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    file: str,
    scenarios: tuple[str, ...],
    kills: int,
    seed: int,
    processes: bool,
    target: str | None,
    only: tuple[str, ...],
    pairs: tuple[str, ...],
    at: str | None,
    bundle: Path,
    as_json: bool,
) -> None:
    """Prove that the forwarder, or yours, neither loses nor doubles usage under faults.

    Events go through it to a sandbox. At each vendor each must be billed once as its translator
    says, by the ledger, or be refused by a rule, or dead with a reason. Without kills all of it is
    in this process, on a clock that leaps.
    """
    from sandbox.cli.proof import shown
    from sandbox.proving.case import Case

    if target is not None and (kills or processes):
        raise click.UsageError("--target-command starts your process, and kills none of its own.")
    refuse_strangers(pairs)
    settings = {vendor: vendor_settings(vendor, pairs) for vendor in _vendors(only)}
    events, time = _events(file, None if at is None else moment(at))
    case = Case(events, settings, time, _faults(scenarios, seed), (), seed, kills)
    how: How = "processes" if kills or processes else "in-process"
    if target is not None:
        how = "target-command"
    ctx.exit(0 if shown(case, how, target, bundle, as_json=as_json) else 1)


def _vendors(only: Sequence[str]) -> list[str]:
    """The destinations. Raises BadValue."""
    from translators.mapping import translated_vendors

    known = translated_vendors()
    for vendor in only:
        if vendor not in known:
            raise BadValue("--only", vendor, f"one of {', '.join(known)}")
    return [vendor for vendor in known if not only or vendor in only]


def _events(file: str, at: datetime | None) -> tuple[tuple[Mapping[str, Any], ...], datetime]:
    """What the source hands on of a file, and the time of the run."""
    from sandbox.cli.comparison import arrivals
    from sandbox.cli.payloads import blocks
    from sandbox.proving.hurry import hurried
    from sandbox.proving.intake import taken_in
    from translators.event import BadEvent, parse

    found, read = [], []
    for payload in (payload for block in blocks(file) for payload in block.payloads()):
        for one in payload.elements() if isinstance(payload.value, list) else [payload]:
            try:
                read.append(parse(one.value))
                found.append(one.value)
            except BadEvent as fault:
                click.echo(f"{one.place}: {fault}", err=True)
    if not found:
        raise MeterboxError(f"{file}: holds no event.")
    time = at or max(arrivals(read, None), default=datetime.now(UTC))
    taken = hurried(taken_in(found, time))
    for line in taken.left:
        click.echo(f"Not handed on: {line}", err=True)
    return tuple(taken.events), time


def _faults(scenarios: Sequence[str], seed: int) -> tuple[tuple[str | None, Fault], ...]:
    """Those of every scenario, each scenario's lots drawn apart from another's."""
    from sandbox import scenario

    found: list[tuple[str | None, Fault]] = []
    for place, name in enumerate(scenarios):
        if name.endswith(".toml"):
            found += scenario.load(Path(name), seed + place if seed else None).faults
        else:
            found += scenario.preset(name, seed + place).faults
    return tuple(found)
