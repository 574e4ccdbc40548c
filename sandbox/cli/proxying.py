"""The forward proxy as commands offer it: its options, and a proxy for as long as they run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from contracts.model import MeterboxError

if TYPE_CHECKING:
    from sandbox.app import Sandbox
    from sandbox.proxy.egress import Egress, Refusal

__all__ = ["NoProxy", "Standing", "proxied", "proxying"]

FOLDER = "authority"


@dataclass(frozen=True)
class Standing:
    """A proxy: the variables that lead to it, and what it has refused so far."""

    variables: Mapping[str, str]
    refusals: Iterable[Refusal]


class NoProxy(MeterboxError):
    """An option of the proxy's is given, and there is none."""


def proxying(command: Callable[..., Any]) -> Callable[..., Any]:
    """--proxy, --allow-host and --allow-live-keys."""
    proxy = click.option(
        "--proxy",
        type=click.IntRange(0, 65535),
        is_flag=False,
        flag_value=0,
        help="Also run a proxy that leads the vendors' own hosts here; without a port, on a free "
        "one.",
    )
    allow = click.option(
        "--allow-host",
        "allowed",
        metavar="HOST",
        multiple=True,
        help="Let the proxy pass on to this host too, or to all under *.HOST.",
    )
    live = click.option(
        "--allow-live-keys",
        "live_keys",
        is_flag=True,
        help="Let the proxy take keys that look like live ones.",
    )
    return proxy(allow(live(command)))


@contextmanager
def proxied(
    sandbox: Sandbox,
    port: int | None,
    allowed: Sequence[str],
    live_keys: bool,
    data_dir: Path | None,
    tell: Callable[[str], None] | None = None,
) -> Iterator[Standing]:
    """A proxy beside the sandbox; none where no port is given. `tell` is told what it refuses.

    Raises NoProxy, BadHost, PortTaken or AuthorityFault.
    """
    if port is None:
        if allowed or live_keys:
            option = "--allow-host" if allowed else "--allow-live-keys"
            raise NoProxy(f"{option} is for the proxy, and there is none. Add --proxy.")
        yield Standing({}, ())
        return
    from sandbox.proxy.beside import set_beside

    watch = _egress(sandbox, allowed, live_keys, tell)
    with TemporaryDirectory(prefix="meterbox-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary) if data_dir is None else data_dir / FOLDER
        sandbox.beside.append(_passing(Path(temporary)))
        yield Standing(set_beside(sandbox, watch, port, folder), watch.refusals)


@asynccontextmanager
async def _passing(folder: Path) -> AsyncIterator[None]:
    """A folder that goes when the sandbox does: a signal ends a server before anything else."""
    yield
    rmtree(folder, ignore_errors=True)


def _egress(
    sandbox: Sandbox, allowed: Sequence[str], live_keys: bool, tell: Callable[[str], None] | None
) -> Egress:
    """What may leave past a proxy beside the sandbox. Raises BadHost."""
    from sandbox.proxy.egress import Egress

    contracts = [room.contract for room in sandbox.accounts.rooms.values()]
    return Egress(contracts, allowed, live_keys=live_keys, tell=tell)
