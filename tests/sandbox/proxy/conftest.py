"""A proxy beside Acme on real sockets, and callers that were told of nothing but the proxy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sandbox.app import Options, Sandbox, create_app
from sandbox.proxy.beside import set_beside
from sandbox.proxy.egress import Egress
from sandbox.server import Running
from tests.acme import NOW, known

__all__ = ["HOST", "Proxied", "proxied"]

HOST = "api.acme.test"


@dataclass
class Proxied:
    """A sandbox with a proxy beside it. `variables` are those that a client is told."""

    sandbox: Sandbox
    egress: Egress
    url: str
    variables: dict[str, str]

    @property
    def port(self) -> int:
        return int(self.variables["HTTPS_PROXY"].rpartition(":")[2])

    @property
    def trust(self) -> ssl.SSLContext:
        """Trust in the proxy's authority, and in nobody else."""
        return ssl.create_default_context(cafile=str(self.authority))

    @property
    def authority(self) -> Path:
        return Path(self.variables["SSL_CERT_FILE"]).with_name("authority.pem")

    def client(self) -> httpx.Client:
        proxy = self.variables["HTTPS_PROXY"]
        return httpx.Client(proxy=proxy, verify=self.trust, trust_env=False, timeout=20)

    def wire(self) -> socket.socket:
        """A bare connection to the proxy."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    @contextmanager
    def inside(self, host: str = HOST) -> Iterator[ssl.SSLSocket]:
        """A bare connection through the proxy to a vendor's host."""
        with self.wire() as wire:
            wire.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n".encode())
            said = b""
            while b"\r\n\r\n" not in said:
                said += wire.recv(1)
            assert said.startswith(b"HTTP/1.1 200 "), said
            with self.trust.wrap_socket(wire, server_hostname=host) as secured:
                yield secured


Set = Callable[..., Iterator[Proxied]]


@contextmanager
def proxied(root: Path, folder: Path, *allowed: str, live_keys: bool = False) -> Iterator[Proxied]:
    with known(root):
        sandbox = create_app(Options(vendors=["acme"], source=lambda: NOW))
    contracts = [room.contract for room in sandbox.accounts.rooms.values()]
    egress = Egress(contracts, allowed, live_keys=live_keys)
    variables = set_beside(sandbox, egress, 0, folder)
    with Running(sandbox) as running:
        # The lifespan, by which the proxy starts, is over once a first answer came.
        httpx.get(running.url, trust_env=False).raise_for_status()
        yield Proxied(sandbox, egress, running.url, variables)


@pytest.fixture(scope="session")
def proxy(acme_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """One that passes on to `far.allowed.test`, for all tests of a worker."""
    with proxied(acme_root, tmp_path_factory.mktemp("authority"), "far.allowed.test") as found:
        yield found


@pytest.fixture(scope="session")
def lenient(acme_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """One that takes live keys."""
    with proxied(acme_root, tmp_path_factory.mktemp("lenient"), live_keys=True) as found:
        yield found


@pytest.fixture
def caller(proxy: Proxied) -> Iterator[httpx.Client]:
    with proxy.client() as client:
        yield client
