"""What clients are told of a proxy: where it is, and whom to trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest

from sandbox.proxy.beside import ADDED, INSTEAD, set_beside
from sandbox.proxy.egress import Egress
from sandbox.proxy.proxy import Proxy
from sandbox.server import PortTaken
from tests.conftest import Make
from tests.sandbox.proxy.conftest import Proxied


def told(made: Make, folder: Path, port: int = 0) -> dict[str, str]:
    """The variables of a proxy that is never begun."""
    sandbox = made()
    contracts = [room.contract for room in sandbox.accounts.rooms.values()]
    variables = set_beside(sandbox, Egress(contracts), port, folder)
    for beside in sandbox.beside:
        assert isinstance(beside, Proxy)
        beside.close()
    return variables


def test_each_variable_is_there_in_the_spellings_that_clients_read(proxy: Proxied) -> None:
    found = proxy.variables
    url = f"http://127.0.0.1:{proxy.port}"
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        assert found[name] == found[name.lower()] == url
    assert found["NO_PROXY"] == found["no_proxy"] == "localhost,127.0.0.1,::1"
    assert found["NODE_USE_ENV_PROXY"] == "1"
    assert all(Path(found[name]).is_absolute() for name in (*INSTEAD, "NODE_EXTRA_CA_CERTS"))


def test_whom_a_client_trusted_before_it_trusts_still(proxy: Proxied) -> None:
    """An allowed host shows a certificate of theirs."""
    mine = proxy.authority.read_text()
    for name in INSTEAD:
        bundle = Path(proxy.variables[name])
        assert bundle.read_text().endswith(mine)
        context = ssl.create_default_context(cafile=str(bundle))
        assert len(context.get_ca_certs()) > 50


def test_a_bundle_that_was_named_before_is_kept_in_it(
    made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in INSTEAD:
        monkeypatch.delenv(name, raising=False)
    ours = tmp_path / "corporate.pem"
    ours.write_bytes(Path(certifi.where()).read_bytes() + b"# of our own\n")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ours))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    bundle = told(made, tmp_path / "authority")["SSL_CERT_FILE"]
    assert b"# of our own\n" in Path(bundle).read_bytes()


def test_all_that_were_named_before_are_kept_each_where_it_was(
    made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An allowed host may be behind any of them."""
    for name in (*INSTEAD, *ADDED):
        (tmp_path / name).write_text(f"# {name}\n")
        monkeypatch.setenv(name, str(tmp_path / name))
    found = told(made, tmp_path / "authority")
    bundle = Path(found["SSL_CERT_FILE"]).read_text()
    assert all(f"# {name}\n" in bundle for name in INSTEAD)
    for name in ADDED:
        added = Path(found[name]).read_text()
        assert added.startswith(f"# {name}\n")
        assert added.count("BEGIN CERTIFICATE") == 1


def test_a_port_that_is_taken_is_told_by_its_option(
    made: Make, tmp_path: Path, proxy: Proxied
) -> None:
    with pytest.raises(PortTaken, match="Choose another with --proxy, or let --proxy 0 find"):
        told(made, tmp_path, proxy.port)
