"""What tests share: fresh keys, real servers, Acme, and no way out of this machine."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings

from sandbox.account import Account, Accounts
from sandbox.app import Options, Sandbox, create_app
from sandbox.server import Running
from tests.acme import NOW, inside, known, lay_out
from tests.postgres import database, postgres_server  # noqa: F401  # fixtures
from translators.forwarding.trust import trust

# Projects of their own, which tests run as their users would.
collect_ignore = ["examples"]

Ask = Callable[..., httpx.Response]
Make = Callable[..., Sandbox]


def pytest_configure() -> None:
    """Set up what all tests share."""
    # Each of many small processes would compile the project anew if none left its bytecode.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # How long it takes to draw or to try an example says how busy the machine is, and no more.
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: it need not be looked through for waste."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing is left out: a test that was skipped makes the whole fail."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("\nIn CI no test may be skipped.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class Egress(Exception):
    """A test tried to reach another machine."""


def _loopback(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _numeric(host: object) -> bool:
    try:
        return bool(ipaddress.ip_address(str(host)))
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def no_egress() -> Iterator[None]:
    """Sockets connect to this machine only, and names of others are not looked up."""
    connect, lookup = socket.socket.connect, socket.getaddrinfo

    def guarded(this: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not _loopback(address[0]):
            raise Egress(f"a test connects to {address}")
        return connect(this, address)

    def asked(host: Any, *rest: Any, **more: Any) -> Any:
        if not _loopback(host) and not _numeric(host):
            raise Egress(f"a test looks up {host}")
        return lookup(host, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket, "getaddrinfo", asked)
        yield


@pytest.fixture
def key() -> str:
    """A key nobody has used, as Acme's are."""
    return f"ak_{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def acme_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds Acme, laid out as the project is."""
    return lay_out(tmp_path_factory.mktemp("vendors"))


@pytest.fixture
def made(acme_root: Path) -> Make:
    """Makes a sandbox with Acme alone; takes Options' arguments."""

    def make(**options: Any) -> Sandbox:
        with known(acme_root):
            return create_app(Options(**{"vendors": ["acme"], **options}))

    return make


@pytest.fixture
def acme(made: Make) -> Sandbox:
    """Acme alone, at noon."""
    return made(source=lambda: NOW)


@pytest.fixture
def accounts(acme: Sandbox) -> Accounts:
    return acme.accounts


@pytest.fixture
def account(accounts: Accounts, key: str) -> Account:
    return accounts.open("acme", key)


@pytest.fixture
def ask(acme: Sandbox, key: str) -> Ask:
    """Asks Acme at noon, with a fresh key unless other headers are given."""

    def ask(method: str, path: str, **arguments: Any) -> httpx.Response:
        async def run() -> httpx.Response:
            async with inside(acme) as client:
                return await client.request(method, path, **arguments)

        arguments.setdefault("headers", {"authorization": f"Bearer {key}"})
        return asyncio.run(run())

    return ask


@pytest.fixture(scope="session")
def acme_server(acme_root: Path) -> Iterator[Running]:
    """Acme on a real port, at noon, for all tests of a worker: each takes a key of its own."""
    with known(acme_root):
        sandbox = create_app(Options(vendors=["acme"], source=lambda: NOW))
    with Running(sandbox) as running:
        yield running


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """Every vendor on a real port, for all tests of a worker: each takes a key of its own."""
    with Running(create_app()) as running:
        yield running


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=20, verify=trust("http://127.0.0.1")) as client:
        yield client
