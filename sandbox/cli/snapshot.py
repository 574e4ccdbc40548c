"""`meterbox snapshot`: an account of a running sandbox as a file, and brought back from one."""

from __future__ import annotations

from typing import Any, BinaryIO, TextIO
from urllib.parse import quote

import click

from contracts.model import MeterboxError
from sandbox.cli.output import write
from sandbox.cli.reach import asked, client, options

__all__ = ["command", "document"]


class Unread(MeterboxError):
    """A file that holds no snapshot."""


@click.group()
def command() -> None:
    """Keep an account of a running sandbox in a file, and bring it back."""


@command.command()
@click.argument("vendor")
@click.argument("key")
@click.argument("file", type=click.File("w", encoding="utf-8", atomic=True), default="-")
@options
def take(vendor: str, key: str, file: TextIO, url: str, token: str | None) -> None:
    """Write all that came to an account to a file, without its key.

    What bodies hold is in it: customers, events, and secrets other than the key.
    """
    import json

    with client(url, token) as reached:
        told = asked(reached, "GET", _path(vendor, key), "history")
    json.dump(told, file, indent=1)
    file.write("\n")


@command.command()
@click.argument("vendor")
@click.argument("key")
@click.argument("file", type=click.File("rb"))
@options
def restore(vendor: str, key: str, file: BinaryIO, url: str, token: str | None) -> None:
    """Make an account what it was when the file was taken, under this key or another.

    What is in the account now is gone; nothing is forwarded or told by webhook again.
    """
    given = document(file)
    with client(url, token) as reached:
        told = asked(reached, "POST", _path(vendor, key), "different", body=given, kind=int)
    done = f"{told['exchanges']:,} requests and {told['acts']:,} acts done again"
    same = f"; {told['different']:,} answered otherwise than before" if told["different"] else ""
    write(f"{done}{same}.")


def _path(vendor: str, key: str) -> str:
    return f"/accounts/{quote(vendor, safe='')}/{quote(key, safe='')}/snapshot"


def document(file: BinaryIO) -> Any:
    """What a file of a snapshot holds, as JSON. Raises Unread."""
    import orjson

    try:
        return orjson.loads(file.read())
    except ValueError as fault:
        raise Unread(f"{file.name} is no snapshot of an account: {fault}.") from fault
