"""A certificate authority of this machine's own, good for the vendors' hosts and no others."""

from __future__ import annotations

import os
import ssl
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contracts.model import MeterboxError
from sandbox.clock import wall

__all__ = ["Authority", "AuthorityFault"]

NAME = "meterbox local authority"
KEY, CERTIFICATE = "authority.key", "authority.pem"
LIFE, LEAF_LIFE, LEAST = timedelta(days=365), timedelta(days=30), timedelta(days=31)
SKEW = timedelta(days=1)
"""A client's clock may be a little behind."""
MOST = 64
"""Hosts whose certificates are kept at hand."""
OTHERS = 0o077
EVERYWHERE = ip_network("0.0.0.0/0"), ip_network("::/0")

Key = ec.EllipticCurvePrivateKey


class AuthorityFault(MeterboxError):
    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: {why}. Delete it, and a new authority is made.")


class Authority:
    """Vouches for `hosts`, by a key that stays in `folder`; the same one again when it is there.

    Whoever trusts it trusts it for these hosts and those below them alone: it says so itself. Its
    certificate is in `file`. Raises AuthorityFault.
    """

    def __init__(self, folder: Path, hosts: Iterable[str]) -> None:
        self._hosts = sorted(hosts)
        self._folder = folder
        self.file = folder / CERTIFICATE
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self._kept()
        self._key, self._certificate = found or self._made()
        self._leaf = ec.generate_private_key(ec.SECP256R1())
        self._contexts: OrderedDict[str, tuple[datetime, ssl.SSLContext]] = OrderedDict()

    def context(self, host: str) -> ssl.SSLContext:
        """What a server needs in order to be `host`."""
        until, context = self._contexts.get(host, (None, None))
        if context is None or until is None or until < wall() + SKEW:
            until, context = self._issued(host)
        self._contexts[host] = until, context
        self._contexts.move_to_end(host)
        while len(self._contexts) > MOST:
            self._contexts.popitem(last=False)
        return context

    def _kept(self) -> tuple[Key, x509.Certificate] | None:
        """What an earlier run has left, as long as it will do."""
        file = self._folder / KEY
        if not (file.exists() and self.file.exists()):
            return None
        if os.name == "posix" and file.stat().st_mode & OTHERS:
            raise AuthorityFault(file, "others can read this key, so it vouches for nothing")
        try:
            key = serialization.load_pem_private_key(file.read_bytes(), None)
            certificate = x509.load_pem_x509_certificate(self.file.read_bytes())
        except (OSError, TypeError, ValueError) as fault:
            raise AuthorityFault(
                file, f"the key or its certificate cannot be read: {fault}"
            ) from fault
        if not isinstance(key, Key) or certificate.public_key() != key.public_key():
            raise AuthorityFault(file, f"is not the key of {CERTIFICATE}")
        good = certificate.not_valid_after_utc > wall() + LEAST
        same = _constraints(self._hosts) in (
            extension.value for extension in certificate.extensions
        )
        return (key, certificate) if good and same else None

    def _made(self) -> tuple[Key, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
        certificate = (
            _begun(name, name, key.public_key(), LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(_constraints(self._hosts), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(self._folder / KEY, _private(key), 0o600)
        _write(self.file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        return key, certificate

    def _issued(self, host: str) -> tuple[datetime, ssl.SSLContext]:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _begun(name, self._certificate.subject, self._leaf.public_key(), LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        chain = certificate.public_bytes(serialization.Encoding.PEM) + _private(self._leaf)
        # OpenSSL takes keys from files only.
        with NamedTemporaryFile(dir=self._folder, prefix=".", suffix=".pem") as file:
            file.write(chain)
            file.flush()
            context.load_cert_chain(file.name)
        return certificate.not_valid_after_utc, context


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = wall()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _constraints(hosts: Iterable[str]) -> x509.NameConstraints:
    """These names; and no address, or it would vouch for every one."""
    addresses = [x509.IPAddress(network) for network in EVERYWHERE]
    return x509.NameConstraints([x509.DNSName(host) for host in hosts], addresses)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(file: Path, content: bytes, mode: int) -> None:
    """Anew, so that nobody has it open who may not."""
    with suppress(FileNotFoundError):
        file.unlink()
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
        opened.write(content)
