"""Accounts that a command brings along, and those that are kept when it has ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from contracts.model import BadValue, Contract, MeterboxError
from contracts.reader import read as contract_of
from sandbox.cli.snapshot import document

if TYPE_CHECKING:
    from sandbox.app import Sandbox

__all__ = ["Kept", "bring", "keep", "luggage"]


@dataclass(frozen=True)
class Kept:
    """A vendor whose account is kept, and the file."""

    contract: Contract
    file: Path

    @classmethod
    def read(cls, given: str) -> Kept:
        """Raises BadValue or UnknownVendor, before there is anything to keep."""
        vendor, _, name = given.partition("=")
        if not name:
            raise BadValue("--export", given, "a vendor and a file, such as orb=orb.snapshot.json")
        kept = cls(contract_of(vendor), Path(name))
        if not kept.file.parent.is_dir():
            raise BadValue("--export", given, "a file in a folder that there is")
        return kept


def luggage(command: click.decorators.FC) -> click.decorators.FC:
    """--import and --export."""
    brought = click.option(
        "--import",
        "brought",
        type=click.File("rb"),
        multiple=True,
        metavar="FILE",
        help="Begin with the account in this snapshot.",
    )
    kept = click.option(
        "--export",
        "kept",
        multiple=True,
        metavar="VENDOR=FILE",
        callback=_read,
        help="Keep the vendor's account in a snapshot.",
    )
    return brought(kept(command))


def _read(_: click.Context, __: click.Parameter, given: Iterable[str]) -> tuple[Kept, ...]:
    return tuple(map(Kept.read, given))


def bring(sandbox: Sandbox, name: str, files: Sequence[BinaryIO]) -> None:
    """Make accounts of this name what they are in snapshots. Raises UnknownVendor, BadSnapshot,
    BadValue for a second one of a vendor's, or what a file that holds none raises."""
    from sandbox.snapshot import read, restore

    brought: dict[str, str] = {}
    for file in files:
        snapshot = read(document(file))
        if snapshot.vendor in brought:
            title, other = contract_of(snapshot.vendor).title, brought[snapshot.vendor]
            raise BadValue("--import", file.name, f"the only account of {title}: {other} is one")
        brought[snapshot.vendor] = file.name
        key = contract_of(snapshot.vendor).key(name)
        account = sandbox.accounts.open(snapshot.vendor, key)
        restore(snapshot, account, sandbox.switchboard)


def keep(sandbox: Sandbox, name: str, wanted: Sequence[Kept]) -> bool:
    """Write the accounts of this name to files, and tell of those that cannot be; whether all
    were."""
    from sandbox.snapshot import take
    from sandbox.view import dumps

    whole = True
    for kept in wanted:
        account = sandbox.accounts.open(kept.contract.vendor, kept.contract.key(name))
        try:
            told = take(account, sandbox.switchboard.added)
            kept.file.write_bytes(dumps(told) + b"\n")
        except (MeterboxError, OSError) as fault:
            click.echo(f"meterbox: --export {kept.file}: {fault}", err=True)
            whole = False
    return whole
