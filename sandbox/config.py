"""How meterbox is set up: meterbox.toml and the environment, read once into frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.model import MeterboxError
from contracts.reader import add_vendors
from sandbox.configfile import FILE, ConfigFault, Table, table
from sandbox.courier import loopback
from sandbox.deliveries import Destination
from sandbox.profile import Profile
from sandbox.starter import example
from sandbox.wiring import destinations, switches

__all__ = ["FILE", "Config", "ConfigFault", "Forwarding", "Server", "example", "load"]


@dataclass(frozen=True)
class Server:
    """Where meterbox listens. Raises ConfigFault when others could reach it without a token."""

    host: str = "127.0.0.1"
    port: int = 4020
    data_dir: Path | None = None
    token: str | None = field(default=None, repr=False)
    seed: int = 0
    vendors: tuple[Path, ...] = ()
    profile: Profile = "faithful"
    webhook_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.token is None and not loopback(self.host):
            why = f"is needed when others can reach server.host, {self.host}"
            raise ConfigFault([f"server.token: {why}; set it, or METERBOX_SERVER__TOKEN"])


@dataclass(frozen=True)
class Forwarding:
    """`concurrency` is for one source key at one destination; `backoff_scale` compresses waits."""

    concurrency: int = 8
    backoff_scale: float = 1.0


@dataclass(frozen=True)
class Config:
    """`settings` are rule switches for all accounts, `destinations` the enabled ones by vendor.

    `ready` has the policies of the go-live gate as tables by vendor. `file` is what was read, None
    when there was nothing.
    """

    server: Server
    settings: Mapping[str, Any]
    destinations: Mapping[str, Destination]
    forwarding: Forwarding
    file: Path | None = None
    ready: Mapping[str, Table] = field(default_factory=dict)


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration of `path`, or of ./meterbox.toml if there is one, under `environ`.

    The vendors of `server.vendors` are added to those there are. Raises ConfigFault.
    """
    file = path if path is not None else FILE if FILE.exists() else None
    tree = table(file, environ)
    server = _server(tree.get("server", {}))
    settings, wrong = switches(tree.get("sandbox", {}).get("settings", {}))
    vendors, amiss = destinations(tree.get("destinations", {}))
    if wrong or amiss:
        where = f"{file}: " if file is not None else ""
        raise ConfigFault(f"{where}{problem}" for problem in wrong + amiss)
    forwarding = Forwarding(**tree.get("forwarding", {}))
    return Config(server, settings, vendors, forwarding, file, tree.get("ready", {}))


def _server(given: Table) -> Server:
    """The server, and its vendors added."""
    folders = tuple(Path(name) for name in given.get("vendors", ()))
    for folder in folders:
        try:
            add_vendors(folder)
        except MeterboxError as fault:
            raise ConfigFault([f"server.vendors: {fault}"]) from fault
    data_dir = Path(given["data_dir"]) if "data_dir" in given else None
    hosts = tuple(given.get("webhook_hosts", ()))
    read = {"vendors": folders, "data_dir": data_dir, "webhook_hosts": hosts}
    return Server(**{**given, **read})
