"""`meterbox nginx`: an nginx configuration that spreads accounts over processes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sandbox.cli.output import EXIT_CODES

if TYPE_CHECKING:
    from contracts.model import Contract

__all__ = ["command"]

TEMPLATE = Path(__file__).with_name("nginx.conf")
# nginx hands a request on ten times at the most: to each process, to the owner, and to say that
# nobody answered.
MOST = 8
ADDRESS = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}")
VALUES = {"bearer": "$meterbox_bearer", "basic": "$remote_user", "raw": "$meterbox_raw"}
"""nginx's variables for what a scheme finds, at the most one of which is not empty."""
NAME = r"[\x21-\x24\x26-\x7e]+"
"""What sandbox.spread.PLAIN has: other names are left to the processes."""


def _checked(_: click.Context, __: click.Parameter, given: Sequence[str]) -> Sequence[str]:
    for address in given:
        if not ADDRESS.fullmatch(address):
            raise click.BadParameter(f"{address!r} is not host:port, such as 127.0.0.1:4021.")
    if len(set(given)) < len(given):
        raise click.BadParameter("an address is given twice.")
    if len(given) > MOST:
        raise click.BadParameter(f"nginx asks no more than {MOST} processes in turn.")
    return given


@click.command(epilog=EXIT_CODES)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=4020,
    show_default=True,
    help="Where nginx listens, on 127.0.0.1.",
)
@click.option(
    "--upstream",
    "upstreams",
    metavar="HOST:PORT",
    multiple=True,
    required=True,
    callback=_checked,
    help="A process that `meterbox up` runs; once for each.",
)
def command(port: int, upstreams: Sequence[str]) -> None:
    """Print an nginx configuration that spreads accounts over several processes."""
    from contracts.reader import read, vendors

    click.echo(configuration([read(vendor) for vendor in vendors()], port, upstreams), nl=False)


def configuration(contracts: Sequence[Contract], port: int, upstreams: Sequence[str]) -> str:
    """nginx's configuration for processes that serve these vendors."""
    ask = ", ".join(f"http://{address}" for address in upstreams)
    spanning = f"This is of one process. Several are behind this address: ask {ask}."
    parts = {
        "port": str(port),
        "hosts": _block(2, (f"{h} {c.vendor};" for c in contracts for h in c.hosts)),
        "credentials": _block(2, (f'{c.vendor} "{_credential(c)}";' for c in contracts)),
        "names": _block(2, _names(contracts)),
        "servers": _block(2, (f"server {address} max_fails=0;" for address in upstreams)),
        "processes": _block(2, _processes(upstreams)),
        "spanning": json.dumps({"error": spanning}),
        "away": json.dumps({"error": "The process that has this account does not answer."}),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    return re.sub(r"@(\w+)@", lambda mark: parts[mark[1]], text)


def _block(depth: int, lines: Iterator[str]) -> str:
    return "\n".join("    " * depth + line for line in lines)


def _credential(contract: Contract) -> str:
    """Whatever the schemes find, one after the other; of what is in a body, nothing."""
    auths = [contract.auth, *(e.auth for e in contract.endpoints if e.auth is not None)]
    schemes = dict.fromkeys(scheme for auth in auths for scheme in auth.schemes)
    return "".join(_value(scheme) for scheme in schemes)


def _value(scheme: str) -> str:
    kind, _, name = scheme.partition(":")
    if kind == "header":
        return "${http_" + name.lower().replace("-", "_") + "}"
    return VALUES.get(kind, "")


def _names(contracts: Sequence[Contract]) -> Iterator[str]:
    """The name that a key was made of, by a vendor's templates; a key of another form is its own
    name."""
    made = (
        (contract.vendor, *auth.template.split("{name}"))
        for contract in contracts
        for auth in (contract.auth, *(e.auth for e in contract.endpoints if e.auth is not None))
    )
    for number, (vendor, before, after) in enumerate(dict.fromkeys(made)):
        name = f"meterbox_name_{number}"
        parts = f"{vendor}/{_literal(before)}(?<{name}>{NAME}){_literal(after)}"
        yield f'"~^{parts}$" ${name};'
    yield f'"~^[^/]+/(?<meterbox_key>{NAME})$" $meterbox_key;'


def _literal(text: str) -> str:
    """A text as nginx's regular expressions have it."""
    return re.escape(text).replace('"', r"\x22")


def _processes(upstreams: Sequence[str]) -> Iterator[str]:
    for number, address in enumerate(upstreams, 1):
        following = f"@process-{number + 1}" if number < len(upstreams) else "@owner"
        yield f"location @process-{number} {{"
        yield '    set $meterbox_name "";'
        yield f"    set $meterbox_search {following};"
        yield f"    proxy_pass http://{address};"
        yield "}"
