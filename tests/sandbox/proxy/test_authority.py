"""The local authority: whom it vouches for, where its key is, and how long it lasts."""

from __future__ import annotations

import os
import socket
import ssl
import stat
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509

from sandbox.clock import wall
from sandbox.proxy import authority as module
from sandbox.proxy.authority import Authority, AuthorityFault

HOSTS = ["api.acme.test", "eu.acme.test"]


def shaken(authority: Authority, host: str, asked: str | None = None) -> dict[str, object]:
    """Shake hands with `host`, asking for another perhaps; its certificate."""
    near, far = socket.socketpair()
    near.settimeout(10)
    trust = ssl.create_default_context(cafile=str(authority.file))

    def serve() -> None:
        try:
            authority.context(host).wrap_socket(far, server_side=True).close()
        except OSError:
            far.close()

    thread = Thread(target=serve)
    thread.start()
    try:
        with trust.wrap_socket(near, server_hostname=asked or host) as secured:
            return dict(secured.getpeercert() or {})
    finally:
        near.close()
        thread.join()


def test_who_trusts_it_trusts_a_vendors_host_by_it(tmp_path: Path) -> None:
    certificate = shaken(Authority(tmp_path, HOSTS), "eu.acme.test")
    assert certificate["subjectAltName"] == (("DNS", "eu.acme.test"),)


def test_a_strict_client_finds_nothing_amiss(tmp_path: Path) -> None:
    """As newer Pythons check by themselves."""
    authority = Authority(tmp_path, HOSTS)
    near, far = socket.socketpair()
    trust = ssl.create_default_context(cafile=str(authority.file))
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    context = authority.context(HOSTS[0])
    thread = Thread(target=lambda: context.wrap_socket(far, server_side=True).close())
    thread.start()
    trust.wrap_socket(near, server_hostname=HOSTS[0]).close()
    thread.join()


def test_it_can_vouch_for_no_other_host_though_it_tried(tmp_path: Path) -> None:
    """The certificate itself says so: a key that got away opens nothing else."""
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shaken(Authority(tmp_path, HOSTS), "bank.test")


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "2001:db8::1", "::1"])
def test_nor_for_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    authority = Authority(tmp_path, HOSTS)
    monkeypatch.setattr(x509, "DNSName", lambda host: x509.IPAddress(ip_address(host)))
    with pytest.raises(ssl.SSLCertVerificationError, match="excluded subtree violation"):
        shaken(authority, address)


def test_its_key_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    before = os.umask(0)
    try:
        Authority(folder, HOSTS)
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "authority.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert b"PRIVATE" not in (folder / "authority.pem").read_bytes()


def test_no_key_of_a_host_stays_on_disk(tmp_path: Path) -> None:
    Authority(tmp_path, HOSTS).context(HOSTS[0])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["authority.key", "authority.pem"]


def test_the_same_folder_holds_the_same_authority(tmp_path: Path) -> None:
    first = Authority(tmp_path, HOSTS).file.read_bytes()
    assert Authority(tmp_path, reversed(HOSTS)).file.read_bytes() == first
    assert shaken(Authority(tmp_path, HOSTS), HOSTS[0])


def test_other_hosts_are_another_authoritys(tmp_path: Path) -> None:
    first = Authority(tmp_path, HOSTS).file.read_bytes()
    assert Authority(tmp_path, [*HOSTS, "us.acme.test"]).file.read_bytes() != first
    assert shaken(Authority(tmp_path, [*HOSTS, "us.acme.test"]), "us.acme.test")


def test_one_that_ends_soon_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Authority(tmp_path, HOSTS).file.read_bytes()
    later = wall() + module.LIFE - module.LEAST + timedelta(minutes=1)
    monkeypatch.setattr(module, "wall", lambda: later)
    second = Authority(tmp_path, HOSTS).file.read_bytes()
    assert second != first
    assert x509.load_pem_x509_certificate(second).not_valid_after_utc > later + module.LEAST


def test_a_hosts_certificate_is_made_once_and_anew_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, HOSTS)
    first = authority.context(HOSTS[0])
    assert authority.context(HOSTS[0]) is first
    later = wall() + module.LEAF_LIFE
    monkeypatch.setattr(module, "wall", lambda: later)
    assert authority.context(HOSTS[0]) is not first


def test_it_keeps_no_more_hosts_at_hand_than_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    authority = Authority(tmp_path, HOSTS)
    first = authority.context(HOSTS[0])
    authority.context(HOSTS[1])
    assert authority.context(HOSTS[0]) is not first


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("authority.key", b"no key", "cannot be read"),
        ("authority.pem", b"no certificate", "cannot be read"),
    ],
)
def test_what_is_no_authority_is_told_by_file(
    tmp_path: Path, file: str, content: bytes, why: str
) -> None:
    Authority(tmp_path, HOSTS)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(AuthorityFault, match=f"authority.key: .*{why}.* Delete it"):
        Authority(tmp_path, HOSTS)


def test_a_key_of_another_certificate_vouches_for_nothing(tmp_path: Path) -> None:
    Authority(tmp_path / "a", HOSTS)
    Authority(tmp_path / "b", HOSTS)
    (tmp_path / "a" / "authority.pem").write_bytes((tmp_path / "b" / "authority.pem").read_bytes())
    with pytest.raises(AuthorityFault, match=r"is not the key of authority\.pem"):
        Authority(tmp_path / "a", HOSTS)


def test_a_key_that_others_can_read_vouches_for_nothing(tmp_path: Path) -> None:
    Authority(tmp_path, HOSTS)
    (tmp_path / "authority.key").chmod(0o640)
    with pytest.raises(AuthorityFault, match="others can read this key"):
        Authority(tmp_path, HOSTS)
